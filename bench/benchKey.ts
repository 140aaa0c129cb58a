/** Of all stores that the benches make. */
export const BENCH_KEY = new Uint8Array(32).fill(7);
