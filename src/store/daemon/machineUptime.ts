import { readFileSync } from 'node:fs';
import type { Uptime } from './heldClock.ts';

/** Linux: nobody sets it, it counts suspended time, and it is exact to 10 ms. */
export const machineUptime = (): Uptime => ({
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  elapsedMs: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000,
});
