import { rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { AGENT_SYNC_MS, type CutPlan, type CutResult, FREEZE_MS, THAW_MS, THAW_TRIES, WINDOW_MS } from './cutPlan.ts';
import { GuestAgent } from './guestAgent.ts';
import { Qmp, withTimeout } from './qmp.ts';

const COMMAND_MS = 10_000;

/**
 * Freezes the guest, stops its vCPUs, runs the commands, and undoes both, in that order and whatever fails.
 * `signal` cuts it short: what was stopped runs again and what was frozen is thawed before it resolves.
 */
export const cut = async (plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<CutResult> => {
  const window = withTimeout(WINDOW_MS, signal);
  await using freeze = await freezeGuest(plan, window);
  const frozenAt = clock.now();
  let error: string | undefined;
  let cutAt = frozenAt;
  try {
    cutAt = await runCommands(plan, clock, window);
  } catch (cause) {
    error = wordsOf(cause);
  }
  const stillFrozen = await freeze.thaw();
  return {
    cutAt,
    frozen: freeze.frozen,
    ...(freeze.why === undefined ? {} : { notFrozenWhy: freeze.why }),
    frozenMs: freeze.frozen ? clock.now() - frozenAt : 0,
    ...(error === undefined ? {} : { error }),
    ...(stillFrozen === undefined ? {} : { stillFrozen }),
  };
};

interface Freeze extends AsyncDisposable {
  readonly frozen: boolean;
  readonly why?: string;
  /** Returns why it failed. */
  thaw(): Promise<string | undefined>;
}

const freezeGuest = async (plan: CutPlan, signal: AbortSignal): Promise<Freeze> => {
  if (plan.agentSocket === undefined)
    return { frozen: false, thaw: async () => undefined, async [Symbol.asyncDispose]() {} };
  let agent: GuestAgent;
  try {
    agent = await GuestAgent.connect(plan.agentSocket);
  } catch (error) {
    return { frozen: false, why: wordsOf(error), thaw: async () => undefined, async [Symbol.asyncDispose]() {} };
  }
  const dispose = () => agent[Symbol.asyncDispose]();
  try {
    await agent.synchronize({ timeoutMs: AGENT_SYNC_MS, signal });
  } catch (error) {
    return { frozen: false, why: wordsOf(error), thaw: async () => undefined, [Symbol.asyncDispose]: dispose };
  }
  try {
    await agent.ask('guest-fsfreeze-freeze', undefined, { timeoutMs: FREEZE_MS, signal });
    return { frozen: true, thaw: () => thawGuest(agent), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    // The agent may finish the freeze later: the thaw must stand in its stream behind it.
    const stillFrozen = await thawGuest(agent);
    const why = `${wordsOf(error)}${stillFrozen === undefined ? '' : `; ${stillFrozen}`}`;
    return { frozen: false, why, thaw: async () => stillFrozen, [Symbol.asyncDispose]: dispose };
  }
};

const thawGuest = async (agent: GuestAgent): Promise<string | undefined> => {
  let why = '';
  for (let tries = 0; tries < THAW_TRIES; tries++) {
    try {
      await agent.ask('guest-fsfreeze-thaw', undefined, { timeoutMs: THAW_MS });
      const status = await agent.command('guest-fsfreeze-status', undefined, { timeoutMs: THAW_MS });
      if (status === 'thawed') return undefined;
      why = `the guest's file systems are still ${String(status)}`;
    } catch (error) {
      why = `the guest could not be thawed: ${wordsOf(error)}`;
    }
  }
  return why;
};

const runCommands = async (plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<number> => {
  await using qmp = await Qmp.connect(plan.qmpSocket, { timeoutMs: COMMAND_MS, signal });
  if (!plan.pause) return await runInOrder(qmp, plan, clock, signal);
  await writeFile(plan.stoppedMark, '');
  try {
    await qmp.command('stop', undefined, { timeoutMs: COMMAND_MS, signal });
    return await runInOrder(qmp, plan, clock, signal);
  } finally {
    await qmp.command('cont', undefined, { timeoutMs: COMMAND_MS });
    await rm(plan.stoppedMark, { force: true });
  }
};

const runInOrder = async (qmp: Qmp, plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<number> => {
  const cutAt = clock.now();
  for (const { execute, arguments: args } of plan.commands)
    await qmp.command(execute, args, { timeoutMs: COMMAND_MS, signal });
  return cutAt;
};

const wordsOf = (error: unknown): string => {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `the cut took longer than ${WINDOW_MS} ms`;
  return error instanceof Error ? error.message : String(error);
};
