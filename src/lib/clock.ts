export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Time as a parameter: nothing in `src/` asks the machine for the time except `systemClock`. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  now(): number;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, delayMs);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
    }),
};

/** The first day of the year 10000, which ISO 8601 writes longer. */
const AFTER_LAST_MS = 253_402_300_800_000;
let lastDay = { number: 0, text: '1970-01-01T' };

/** As Date.toISOString, at a third of its cost: a list of 200 items writes a thousand times, most of few days. */
export const isoTime = (ms: number): string => {
  if (!Number.isInteger(ms) || ms < 0 || ms >= AFTER_LAST_MS) return new Date(ms).toISOString();
  const number = Math.floor(ms / DAY_MS);
  if (number !== lastDay.number) lastDay = { number, text: new Date(ms).toISOString().slice(0, 11) };
  const rest = ms - number * DAY_MS;
  const two = (unitMs: number, many: number) => TWO[Math.floor(rest / unitMs) % many]!;
  return `${lastDay.text}${two(3_600_000, 24)}:${two(60_000, 60)}:${two(1000, 60)}.${String(rest % 1000).padStart(3, '0')}Z`;
};

const TWO = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));
