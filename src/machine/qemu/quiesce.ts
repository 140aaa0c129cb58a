import { CodedError } from '../../lib/error.ts';
import type { DescribedMachine } from '../description/folder.ts';
import { scriptError } from '../extension/failures.ts';
import type { Consistency, Machine, ScriptsResult } from '../machine.ts';
import type { AgentDoor } from './agentDoor.ts';
import type { CutResult } from './cutPlan.ts';
import { GuestScripts, type ScriptsGuest } from './guestScripts.ts';
import { type GuestConfig, readGuestConfig } from './readGuestConfig.ts';

/** A guest brought to rest as it wants it, until `end` or disposal. */
export interface Quiet extends AsyncDisposable {
  readonly freeze: Freeze;
  readonly scripts: ScriptsResult | undefined;
  /** Runs the post script. Errors: a ScriptFailureCode when its failure is to fail the snapshot. */
  end(signal?: AbortSignal): Promise<void>;
}

/** How the file systems are to be frozen. */
export type Freeze =
  | { readonly kind: 'none'; readonly why: string }
  /** `mounts` absent: all; `freezeMs` absent: the host's own limit. */
  | { readonly kind: 'freeze'; readonly mounts?: readonly string[]; readonly freezeMs?: number };

/** Of a freeze's window of 30 s, so that the cut still finds its time. */
const MAX_FREEZE_MS = 20_000;
const ASK_MS = 5_000;

export interface QuietMachine extends ScriptsGuest {
  readonly machine: DescribedMachine;
  readonly view: Machine;
}

/** Reads what the guest wants and runs its pre script. `noAgentWhy`: the agent is not to be asked. */
export const quiesce = async (
  guest: QuietMachine,
  noAgentWhy: string | undefined,
  signal?: AbortSignal,
): Promise<Quiet> => {
  if (noAgentWhy !== undefined) return withoutScripts({ kind: 'none', why: noAgentWhy }, undefined);
  if (guest.machine.osType === 'Windows') return withoutScripts({ kind: 'freeze' }, undefined);
  const config = await readGuestConfig(guest.agent, guest.clock, signal);
  // With a single disk Azure falls back whatever the machine wants.
  const mayFail = guest.view.disks.length < 2;
  if (!config.scripts) {
    if (config.failure && config.mustSucceed && !mayFail) throw scriptError(config.failure);
    const failed = config.failure && { succeeded: false, failures: [config.failure] };
    return withoutScripts(await freezeOf(guest.agent, config, failed), failed);
  }
  const scripts = new GuestScripts(guest, config.scripts, !config.scripts.continueBackupOnFailure && !mayFail);
  try {
    await scripts.begin(signal);
    return withScripts(scripts, await freezeOf(guest.agent, config, scripts.result));
  } catch (error) {
    await scripts[Symbol.asyncDispose]();
    throw error;
  }
};

/** What a snapshot of a guest at rest is worth, and why it is not worth more. */
export const consistencyOf = (
  { machine }: Pick<QuietMachine, 'machine'>,
  { freeze, scripts }: Quiet,
  result: CutResult,
): { readonly consistency: Consistency; readonly consistencyReason?: string } => {
  const failure = scripts?.failures[0];
  const failed = failure && `${failure.code}: ${failure.message}`;
  if (result.frozen) {
    const reason = result.stillFrozen === undefined ? failed : `the guest may be frozen: ${result.stillFrozen}`;
    const isApplication = scripts ? scripts.succeeded : machine.osType === 'Windows' || machine.qemu.freezeHook;
    return {
      consistency: isApplication ? 'application' : 'fileSystem',
      ...(reason ? { consistencyReason: reason } : {}),
    };
  }
  const notFrozen = freeze.kind === 'none' ? freeze.why : (result.notFrozenWhy ?? 'the guest agent was not asked');
  // A machine that asks for no freeze has scripts that do as much.
  if (freeze.kind === 'none' && scripts?.succeeded) return { consistency: 'application' };
  return { consistency: 'crash', consistencyReason: [failed, notFrozen].filter(Boolean).join('; ') };
};

const withoutScripts = (freeze: Freeze, scripts: ScriptsResult | undefined): Quiet => ({
  freeze,
  scripts,
  end: async () => {},
  async [Symbol.asyncDispose]() {},
});

const withScripts = (scripts: GuestScripts, freeze: Freeze): Quiet => ({
  freeze,
  get scripts() {
    return scripts.result;
  },
  end: (signal) => scripts.end(signal),
  [Symbol.asyncDispose]: () => scripts[Symbol.asyncDispose](),
});

const freezeOf = async (
  agent: AgentDoor,
  { freeze, scripts: config }: GuestConfig,
  scripts: ScriptsResult | undefined,
): Promise<Freeze> => {
  const no = (why: string): Freeze => ({ kind: 'none', why });
  if (!freeze.fsfreeze) return no("the machine's vmbackup.conf wants no freeze");
  if (config && !config.fsFreezeEnabled) return no("the machine's fsFreezeEnabled is false");
  if (scripts?.succeeded && !freeze.afterSuccess)
    return no("the machine's vmbackup.conf wants no freeze after its script");
  if (scripts?.succeeded === false && !freeze.afterFailure)
    return no("the machine's vmbackup.conf wants no freeze after a script that failed");
  const freezeMs =
    freeze.timeoutSeconds === undefined ? {} : { freezeMs: Math.min(freeze.timeoutSeconds * 1000, MAX_FREEZE_MS) };
  if (freeze.mountsToSkip.length === 0) return { kind: 'freeze', ...freezeMs };
  const mounts = (await mountsOf(agent))?.filter((mount) => !freeze.mountsToSkip.includes(mount));
  if (mounts?.length === 0) return no("the machine's vmbackup.conf skips all its file systems");
  return { kind: 'freeze', ...(mounts ? { mounts } : {}), ...freezeMs };
};

/** undefined: the agent does not tell; then all are frozen. */
const mountsOf = async (agent: AgentDoor): Promise<string[] | undefined> => {
  try {
    const systems = await agent.use((open) =>
      open.command<{ mountpoint?: unknown }[]>('guest-get-fsinfo', undefined, { timeoutMs: ASK_MS }),
    );
    return [...new Set(systems.map(({ mountpoint }) => String(mountpoint)))];
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return undefined;
  }
};
