import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { AgentDoor } from './agentDoor.ts';
import { AgentRefusal } from './guestAgent.ts';

export interface GuestProgram {
  readonly path: string;
  readonly args: readonly string[];
  /** Given to it on standard input. */
  readonly input?: string;
}

export interface GuestProgramEnd {
  /** Absent: a signal ended it. */
  readonly exitCode?: number;
  /** Standard output. */
  readonly output: string;
}

export interface Waiting {
  readonly timeoutMs: number;
  /** The longest time between two looks; 1000 by default. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

const ANSWER_MS = 5_000;
const FIRST_POLL_MS = 50;
const POLL_MS = 1_000;
/** Longer than an agent that starts anew takes; shorter than a script may run. */
const SILENCE_MS = 60_000;

/** Starts a program in the guest; its number. Errors: GuestAgentUnavailable, AgentRefusal. */
export const startInGuest = async (door: AgentDoor, { path, args, input }: GuestProgram): Promise<number> => {
  const started = await door.use((agent) =>
    agent.command<{ pid?: unknown }>(
      'guest-exec',
      {
        path,
        arg: [...args],
        'capture-output': true,
        ...(input === undefined ? {} : { 'input-data': Buffer.from(input).toString('base64') }),
      },
      { timeoutMs: ANSWER_MS },
    ),
  );
  if (typeof started?.pid === 'number') return started.pid;
  throw new AgentRefusal('guest-exec', 'it gave the program no number');
};

/** Waits for a program's end. An agent that is silent is asked again for a while. Errors: GuestAgentUnavailable, AgentRefusal. */
export const endInGuest = async (
  door: AgentDoor,
  clock: Clock,
  pid: number,
  { timeoutMs, pollMs = POLL_MS, signal }: Waiting,
): Promise<GuestProgramEnd> => {
  const until = clock.now() + timeoutMs;
  let heardAt = clock.now();
  for (let delayMs = FIRST_POLL_MS; ; delayMs = Math.min(delayMs * 2, pollMs)) {
    const status = await statusOf(door, pid, signal).catch((error: unknown) => {
      if (signal?.aborted || error instanceof AgentRefusal || !(error instanceof CodedError)) throw error;
      if (clock.now() - heardAt >= SILENCE_MS) throw error;
      return undefined;
    });
    if (status) heardAt = clock.now();
    if (status?.exited)
      return {
        ...(typeof status.exitcode === 'number' ? { exitCode: status.exitcode } : {}),
        output: Buffer.from(status['out-data'] ?? '', 'base64').toString(),
      };
    if (clock.now() >= until)
      throw new CodedError('GuestAgentUnavailable', `a program in the machine did not end in ${timeoutMs / 1000} s`, {
        target: 'guest-exec',
      });
    await clock.sleep(delayMs, signal);
  }
};

export const runInGuest = async (
  door: AgentDoor,
  clock: Clock,
  program: GuestProgram,
  waiting: Waiting,
): Promise<GuestProgramEnd> => endInGuest(door, clock, await startInGuest(door, program), waiting);

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly 'out-data'?: string;
}

const statusOf = (door: AgentDoor, pid: number, signal?: AbortSignal): Promise<ExecStatus> =>
  door.use((agent) =>
    agent.command<ExecStatus>('guest-exec-status', { pid }, { timeoutMs: ANSWER_MS, ...(signal ? { signal } : {}) }),
  );
