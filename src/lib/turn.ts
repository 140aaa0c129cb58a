/**
 * Lets the event loop turn once. Work that is synchronous for long stretches calls it now and then, or else what was
 * begun in the background (a write, an fsync) takes its next step only when all of that work is done.
 */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
