import { randomInt } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';
import { LineSocket } from './lineSocket.ts';
import { type Json, withTimeout } from './qmp.ts';

export interface AgentOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const MAX_REPLY_BYTES = 1 << 20;
const SENTINEL = 0xff;

/** The agent itself said no. */
export class AgentRefusal extends CodedError {
  constructor(command: string, description: string) {
    super('GuestAgentSnapshotTaskStatusError', `the guest agent refused ${command}: ${description}`, {
      target: command,
    });
  }
}

/**
 * A connection to a guest agent's channel: a stream without ids, in which answers to an earlier client may still
 * stand. One request at a time. Errors: GuestAgentUnavailable, AgentRefusal.
 */
export class GuestAgent implements AsyncDisposable {
  readonly #socket: LineSocket;

  private constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  static async connect(path: string): Promise<GuestAgent> {
    try {
      return new GuestAgent(await LineSocket.connect({ path, maxBytes: MAX_REPLY_BYTES, peer: 'the guest agent' }));
    } catch (error) {
      throw agentUnavailable(error);
    }
  }

  get isClosed(): boolean {
    return this.#socket.isClosed;
  }

  /** Brings the stream to a known place: our id, answered behind the sentinel, ends whatever stood before. */
  async synchronize(options: AgentOptions): Promise<void> {
    const id = randomInt(2 ** 31);
    const request = JSON.stringify({ execute: 'guest-sync-delimited', arguments: { id } });
    await this.#guarded('guest-sync-delimited', options, async (signal) => {
      // The sentinel resets the agent's parser, should an earlier client have died within a request.
      this.#socket.send(Buffer.concat([Buffer.of(SENTINEL), Buffer.from(`${request}\n`)]));
      for (;;) {
        const line = await this.#socket.next(signal);
        const start = line.lastIndexOf(SENTINEL);
        if (start >= 0 && answersTo(line.subarray(start + 1), id)) return;
      }
    });
  }

  /** Synchronizes, asks, and returns the answer. */
  async command<T = unknown>(
    execute: string,
    args: Readonly<Record<string, Json>> | undefined,
    options: AgentOptions,
  ): Promise<T> {
    await this.synchronize(options);
    return this.ask(execute, args, options);
  }

  /** Asks without synchronizing: for what must stand in the stream behind a request that has not been answered. */
  ask<T = unknown>(
    execute: string,
    args: Readonly<Record<string, Json>> | undefined,
    options: AgentOptions,
  ): Promise<T> {
    return this.#guarded(execute, options, async (signal) => {
      this.#socket.send(`${JSON.stringify({ execute, ...(args ? { arguments: args } : {}) })}\n`);
      return readReply(execute, await this.#socket.next(signal)) as T;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
  }

  async #guarded<T>(
    execute: string,
    { timeoutMs, signal }: AgentOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await work(withTimeout(timeoutMs, signal));
    } catch (error) {
      if (signal?.aborted || error instanceof AgentRefusal) throw error;
      if (error instanceof DOMException) throw silent(execute, timeoutMs, error);
      throw agentUnavailable(error);
    }
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true });

const answersTo = (bytes: Uint8Array, id: number): boolean => {
  try {
    return (JSON.parse(DECODER.decode(bytes)) as { return?: unknown }).return === id;
  } catch {
    // Not ours: a remnant of an earlier answer.
    return false;
  }
};

const readReply = (execute: string, line: Uint8Array): unknown => {
  let reply: { readonly return?: unknown; readonly error?: { readonly desc?: unknown } };
  try {
    reply = JSON.parse(DECODER.decode(line)) as typeof reply;
  } catch (cause) {
    throw agentUnavailable(cause, `the guest agent answered ${execute} with what is no JSON`);
  }
  if (reply?.error) throw new AgentRefusal(execute, String(reply.error.desc ?? 'no reason given').slice(0, 300));
  return reply?.return;
};

/** Steps that are known to take their time in a guest, in words for the user. */
const STEPS: Readonly<Record<string, string>> = {
  'guest-fsfreeze-freeze': 'freeze the file systems',
  'guest-fsfreeze-freeze-list': 'freeze the file systems',
  'guest-fsfreeze-thaw': 'thaw the file systems',
};

const silent = (execute: string, timeoutMs: number, reason: DOMException): CodedError => {
  const step = STEPS[execute];
  const cause = new Error(`no answer to ${execute} in ${timeoutMs} ms`, { cause: reason });
  return agentUnavailable(
    cause,
    step === undefined
      ? 'the guest agent does not answer (is it installed and running in the machine?)'
      : `the guest agent did not ${step} in ${timeoutMs / 1000} s (does a freeze hook hang?)`,
  );
};

const agentUnavailable = (cause: unknown, message?: string): CodedError =>
  new CodedError(
    'GuestAgentUnavailable',
    message ?? (cause instanceof Error ? cause.message : 'the guest agent cannot be reached'),
    {
      target: 'guest agent',
      recommendations: ['Install the QEMU guest agent in the machine and see that it runs.'],
      cause,
    },
  );
