import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { DescribedMachine } from '../description/folder.ts';
import { readAnswer } from '../extension/answer.ts';
import {
  EXTENSION_FOLDER,
  EXTENSION_PATH,
  EXTENSION_PROGRAM,
  EXTENSION_VERSION,
  isOlder,
} from '../extension/program.ts';
import type { ExtensionState } from '../machine.ts';
import type { AgentDoor } from './agentDoor.ts';
import { AgentRefusal } from './guestAgent.ts';
import { type GuestProgramEnd, runInGuest } from './guestExec.ts';
import type { MachineHandle } from './machineHandle.ts';

const STEP_MS = 20_000;
/** Fixed text; what is to be written comes through standard input. */
const INSTALL = [
  'umask 077',
  `mkdir -p -m 755 ${EXTENSION_FOLDER} || exit 1`,
  `cat >${EXTENSION_PATH}.new && chmod 700 ${EXTENSION_PATH}.new && mv -f ${EXTENSION_PATH}.new ${EXTENSION_PATH}`,
].join('\n');

interface Guest {
  readonly door: AgentDoor;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Installs the extension in a running machine, or finds it there. Errors: HostUnavailable. */
export const ensureExtension = async (
  machine: DescribedMachine,
  handle: MachineHandle,
  clock: Clock,
  signal?: AbortSignal,
): Promise<ExtensionState> => {
  if (machine.osType === 'Windows')
    return { status: 'unsupported', why: 'in Windows the QEMU guest agent brings applications to rest itself, by VSS' };
  if ((await handle.powerState(signal)) !== 'running') return { status: 'machineOff' };
  if (machine.qemu.qmpSocket !== undefined && machine.qemu.agentSocket === undefined)
    return { status: 'unsupported', why: 'its description names no agentSocket' };
  const guest = { door: handle.agent, clock, signal };
  try {
    const there = await installedVersion(guest);
    if (!isOlder(there, EXTENSION_VERSION)) return { status: 'installed', version: there!, changed: false };
    return await install(guest);
  } catch (error) {
    if (signal?.aborted || !(error instanceof CodedError)) throw error;
    return failed(error);
  }
};

/** undefined: it is not there. */
const installedVersion = async (guest: Guest): Promise<string | undefined> => {
  const { exitCode, output } = await sh(guest, `[ -r ${EXTENSION_PATH} ] && exec /bin/sh ${EXTENSION_PATH} version`);
  return exitCode === 0 ? /^\d{1,4}\.\d{1,4}$/.exec(readAnswer(output).get('version') ?? '')?.[0] : undefined;
};

const install = async (guest: Guest): Promise<ExtensionState> => {
  const { exitCode } = await sh(guest, INSTALL, EXTENSION_PROGRAM);
  const version = await installedVersion(guest);
  if (version === EXTENSION_VERSION) return { status: 'installed', version, changed: true };
  return {
    status: 'failed',
    why: `${EXTENSION_PATH} could not be written in the machine (exit code ${exitCode ?? 'none'})`,
    recommendation: 'Install the package strongroom-guest in the machine by hand.',
  };
};

const sh = ({ door, clock, signal }: Guest, script: string, input?: string): Promise<GuestProgramEnd> =>
  runInGuest(
    door,
    clock,
    { path: '/bin/sh', args: ['-c', script], ...(input === undefined ? {} : { input }) },
    { timeoutMs: STEP_MS, ...(signal ? { signal } : {}) },
  );

const failed = (error: CodedError): ExtensionState => ({
  status: 'failed',
  why: error.message,
  recommendation:
    error instanceof AgentRefusal
      ? "Let the machine's QEMU guest agent run programs: take guest-exec and guest-exec-status off its list of blocked commands (block-rpcs, in older versions blacklist)."
      : (error.recommendations[0] ?? 'Install the QEMU guest agent in the machine and see that it runs.'),
});
