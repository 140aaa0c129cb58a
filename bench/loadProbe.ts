import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';

/** What the server under load tells of itself; since the last time it was asked. */
export interface ServerFigures {
  readonly cpuMs: number;
  readonly wallMs: number;
  /** How long the event loop was held up. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  readonly residentBytes: number;
  /** After a collection. */
  readonly heapBytes: number;
}

const RESOLUTION_MS = 2;

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let cpu = process.cpuUsage();
let since = performance.now();

process.on('message', () => {
  const { user, system } = process.cpuUsage(cpu);
  const over = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const figures: ServerFigures = {
    ...{ cpuMs: (user + system) / 1000, wallMs: performance.now() - since },
    ...{ delayP99Ms: over(delay.percentile(99)), delayMaxMs: over(delay.max) },
    ...{ residentBytes: process.memoryUsage.rss(), heapBytes: heapBytes() },
  };
  process.send?.(figures);
  cpu = process.cpuUsage();
  since = performance.now();
  delay.reset();
});
// the bench is gone, however it ended
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

function heapBytes(): number {
  globalThis.gc?.();
  return getHeapStatistics().used_heap_size;
}
