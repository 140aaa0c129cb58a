import { randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { Logger } from '../../lib/log.ts';
import { readAnswer } from '../extension/answer.ts';
import { failureOf, scriptError, scriptFailure, type Which } from '../extension/failures.ts';
import { EXTENSION_PATH } from '../extension/program.ts';
import type { ScriptConfig } from '../extension/scriptConfig.ts';
import type { ScriptFailure, ScriptsResult } from '../machine.ts';
import type { AgentDoor } from './agentDoor.ts';
import { endInGuest, startInGuest } from './guestExec.ts';

export interface ScriptsGuest {
  readonly agent: AgentDoor;
  readonly clock: Clock;
  readonly log: Logger;
  /** After that long without a word from us the guest runs its post script itself, seconds. */
  readonly graceSeconds: number;
}

/** Beyond the time of the script itself. */
const SLACK_MS = 30_000;

/**
 * The guest's pre and post script around one snapshot. Whatever ends the snapshot, disposing asks for the post script
 * when the pre script was begun; a guest that hears nothing runs it by itself.
 */
export class GuestScripts implements AsyncDisposable {
  readonly #guest: ScriptsGuest;
  readonly #config: ScriptConfig;
  /** A failure also fails the snapshot. */
  readonly #mustSucceed: boolean;
  readonly #run = randomBytes(8).toString('hex');
  readonly #failures: ScriptFailure[] = [];
  #begun = false;

  constructor(guest: ScriptsGuest, config: ScriptConfig, mustSucceed: boolean) {
    this.#guest = guest;
    this.#config = config;
    this.#mustSucceed = mustSucceed;
  }

  get result(): ScriptsResult {
    return { succeeded: this.#failures.length === 0, failures: this.#failures };
  }

  /** Runs the pre script. Errors: a ScriptFailureCode when a failure is to fail the snapshot; the signal's reason. */
  async begin(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { preScript, postScript, timeoutSeconds, preRetries, postRetries, preParams, postParams } = this.#config;
    const numbers = [this.#guest.graceSeconds, timeoutSeconds, preRetries, postRetries].map(String);
    const args = [...numbers, preScript, postScript, String(preParams.length), ...preParams, ...postParams];
    this.#begun = true;
    await this.#step('pre', ['begin', this.#run, ...args], signal);
  }

  /** Runs the post script where the pre script was begun, once. Errors: as of `begin`. */
  async end(signal?: AbortSignal): Promise<void> {
    if (!this.#begun) return;
    this.#begun = false;
    await this.#step('post', ['end', this.#run], signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#begun) return;
    this.#begun = false;
    // Asked and not waited for; where it cannot be asked, the guest does it by itself.
    await this.#start(['end', this.#run]).catch((error: unknown) =>
      this.#guest.log.warn({ err: error, run: this.#run }, 'the machine was left to run its post script by itself'),
    );
  }

  async #step(which: Which, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const failure = await this.#failureOf(which, args, signal);
    if (!failure) return;
    this.#failures.push(failure);
    this.#guest.log.warn(
      { run: this.#run, code: failure.code, why: failure.message },
      'a script in the machine failed',
    );
    if (this.#mustSucceed) throw scriptError(this.#failures[0]!);
  }

  async #failureOf(
    which: Which,
    args: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<ScriptFailure | undefined> {
    const { agent, clock } = this.#guest;
    const path = which === 'pre' ? this.#config.preScript : this.#config.postScript;
    try {
      const pid = await this.#start(args);
      const { output } = await endInGuest(agent, clock, pid, {
        timeoutMs: this.#config.timeoutSeconds * 1000 + SLACK_MS,
        pollMs: this.#config.pollSeconds * 1000,
        ...(signal ? { signal } : {}),
      });
      const answer = readAnswer(output);
      // What the program refuses before it begins leaves nothing to end. It names the script that is at fault.
      if (which === 'pre' && NEVER_BEGUN.has(answer.get('result') ?? '')) this.#begun = false;
      const atFault = answer.get('which') === 'post' ? 'post' : which;
      return failureOf(atFault, atFault === 'post' ? this.#config.postScript : path, answer);
    } catch (error) {
      if (signal?.aborted || !(error instanceof CodedError)) throw error;
      const code = which === 'pre' ? 'Pre-ScriptTimeout' : 'Post-ScriptTimeout';
      return scriptFailure(
        code,
        `Nothing is known of the ${which} script ${path}: ${error.message}.`,
        HOST_TIMEOUT[which],
      );
    }
  }

  #start(args: readonly string[]): Promise<number> {
    return startInGuest(this.#guest.agent, { path: '/bin/sh', args: [EXTENSION_PATH, ...args] });
  }
}

const NEVER_BEGUN: ReadonlySet<string> = new Set(['busy', 'not-found', 'permission']);

/** Azure's numbers for scripts whose end its plugin host did not see. */
const HOST_TIMEOUT = { pre: 310, post: 311 } as const;
