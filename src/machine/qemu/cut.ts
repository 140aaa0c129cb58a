import { rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import type { CutLimits, CutPlan, CutResult } from './cutPlan.ts';
import { GuestAgent } from './guestAgent.ts';
import { Qmp, withTimeout } from './qmp.ts';

/**
 * Freezes the guest, stops its vCPUs, runs the commands, and undoes both, in that order and whatever fails.
 * `signal` cuts it short: what was stopped runs again and what was frozen is thawed before it resolves.
 */
export const cut = async (plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<CutResult> => {
  const frozenWindow = withTimeout(plan.limits.windowMs, signal);
  await using freeze = await freezeGuest(plan, frozenWindow);
  // A guest that does not stand frozen does not have to be hurried for.
  const window = freeze.frozen ? frozenWindow : withTimeout(plan.limits.windowMs, signal);
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

const NEVER_FROZEN = { frozen: false, thaw: async () => undefined, async [Symbol.asyncDispose]() {} };

const freezeGuest = async (plan: CutPlan, signal: AbortSignal): Promise<Freeze> => {
  if (plan.agentSocket === undefined) return NEVER_FROZEN;
  const channel = new AgentChannel(plan.agentSocket);
  const { limits } = plan;
  const dispose = () => channel[Symbol.asyncDispose]();
  try {
    await (await channel.open()).synchronize({ timeoutMs: limits.syncMs, signal });
  } catch (error) {
    return { ...NEVER_FROZEN, why: wordsOf(error), [Symbol.asyncDispose]: dispose };
  }
  try {
    const some = plan.mounts && { mountpoints: [...plan.mounts] };
    const command = some ? 'guest-fsfreeze-freeze-list' : 'guest-fsfreeze-freeze';
    const count = await (await channel.open()).ask(command, some, { timeoutMs: limits.freezeMs, signal });
    if (typeof count !== 'number' || count < 1) throw new Error('the guest agent froze no file system');
    return { frozen: true, thaw: () => thawGuest(channel, limits), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    // The agent may finish the freeze later: the thaw must stand in its stream behind it.
    const stillFrozen = await thawGuest(channel, limits);
    const why = `${wordsOf(error)}${stillFrozen === undefined ? '' : `; ${stillFrozen}`}`;
    return { frozen: false, why, thaw: async () => stillFrozen, [Symbol.asyncDispose]: dispose };
  }
};

/** The agent's connection, opened again when it was cut off. */
class AgentChannel implements AsyncDisposable {
  readonly #path: string;
  #agent: GuestAgent | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<GuestAgent> {
    if (this.#agent?.isClosed) this.#agent = undefined;
    this.#agent ??= await GuestAgent.connect(this.#path);
    return this.#agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
  }
}

const thawGuest = async (channel: AgentChannel, { thawMs, thawTries }: CutLimits): Promise<string | undefined> => {
  let why = '';
  for (let tries = 0; tries < thawTries; tries++) {
    try {
      const agent = await channel.open();
      await agent.ask('guest-fsfreeze-thaw', undefined, { timeoutMs: thawMs });
      const status = await agent.command('guest-fsfreeze-status', undefined, { timeoutMs: thawMs });
      if (status === 'thawed') return undefined;
      why = `the guest's file systems are still ${String(status)}`;
    } catch (error) {
      why = `the guest could not be thawed: ${wordsOf(error)}`;
    }
  }
  return why;
};

const runCommands = async (plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<number> => {
  await using qmp = await Qmp.connect(plan.qmpSocket, { timeoutMs: plan.limits.commandMs, signal });
  if (!plan.pause) return await runInOrder(qmp, plan, clock, signal);
  await writeFile(plan.stoppedMark, '', { mode: 0o600 });
  try {
    await qmp.command('stop', undefined, { timeoutMs: plan.limits.commandMs, signal });
    return await runInOrder(qmp, plan, clock, signal);
  } finally {
    await qmp.command('cont', undefined, { timeoutMs: plan.limits.commandMs });
    await rm(plan.stoppedMark, { force: true });
  }
};

const runInOrder = async (qmp: Qmp, plan: CutPlan, clock: Clock, signal: AbortSignal): Promise<number> => {
  const cutAt = clock.now();
  for (const { execute, arguments: args } of plan.commands)
    await qmp.command(execute, args, { timeoutMs: plan.limits.commandMs, signal });
  return cutAt;
};

const wordsOf = (error: unknown): string => {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `the cut took too long`;
  return error instanceof Error ? error.message : String(error);
};
