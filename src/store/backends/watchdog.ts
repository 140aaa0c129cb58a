import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { unlessAborted } from '../../lib/unlessAborted.ts';

export interface WatchOptions {
  readonly clock: Clock;
  /** Who is waited for, in the error. */
  readonly who: string;
  /** So long without an answer, or without a `tick`, is a failure. */
  readonly limitMs: number;
  /** Ends the wait with its reason. */
  readonly stop?: AbortSignal | undefined;
}

/**
 * What the work gives, or StoreIoFailed when it does not get on; its signal fires then, but nobody waits for it to
 * listen: a call that hangs in the kernel never would.
 */
export const watched = async <T>(
  work: (signal: AbortSignal, tick: () => void) => Promise<T>,
  { clock, who, limitMs, stop }: WatchOptions,
): Promise<T> => {
  stop?.throwIfAborted();
  const gaveUp = new AbortController();
  const answered = new AbortController();
  let ticks = 0;
  const watch = async (): Promise<never> => {
    for (let seen = -1; seen !== ticks; ) {
      seen = ticks;
      await clock.sleep(limitMs, answered.signal);
    }
    const error = new CodedError('StoreIoFailed', `${who} does not answer (${Math.round(limitMs / 1000)} seconds).`, {
      target: who,
    });
    gaveUp.abort(error);
    throw error;
  };
  const signal = stop ? AbortSignal.any([stop, gaveUp.signal]) : gaveUp.signal;
  const watching = watch();
  watching.catch(() => {}); // told by the race, or it was answered
  const running = work(signal, () => ticks++);
  running.catch(() => {}); // told by the race, or given up
  try {
    return await unlessAborted(Promise.race([running, watching]), stop);
  } finally {
    answered.abort();
  }
};
