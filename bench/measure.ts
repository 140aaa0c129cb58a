import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface Measured {
  readonly seconds: number;
  /** User and system time of the process and its children: what the run costs on a machine that others use too. */
  readonly cpuSeconds: number;
  /** Highest sum of resident memory of the process and all its children, bytes. */
  readonly peakBytes: number;
  readonly stdout: string;
}

const SAMPLE_MS = 50;

/** Runs a command to its end, with the page cache in the same state each time. Throws when it fails. */
export async function measure(
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; warmUp?: readonly string[] } = {},
): Promise<Measured> {
  settleCaches();
  // The program itself is warm, as in daily use; its data is not.
  spawnSync(command, options.warmUp ?? ['--version'], { env: { ...process.env, ...options.env }, stdio: 'ignore' });
  const spawning: SpawnOptions = {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd ? { cwd: options.cwd } : {}),
  };
  const cpuBefore = childrenCpuSeconds();
  const started = performance.now();
  const child = spawn(command, args, spawning);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (piece) => (stdout += piece));
  child.stderr!.on('data', (piece) => (stderr += piece));
  let peakBytes = 0;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(child.pid!));
  }, SAMPLE_MS);
  const [code] = await once(child, 'close');
  // Not every program waits until its bytes are on the disk; the clock does, for all alike.
  spawnSync('sync', { stdio: 'ignore' });
  const seconds = (performance.now() - started) / 1000;
  clearInterval(sampler);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr.slice(-2000)}`);
  return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, peakBytes, stdout };
}

/** Commands that do one thing together. */
export async function inTurn(steps: readonly (() => Promise<Measured>)[]): Promise<Measured> {
  const total = { seconds: 0, cpuSeconds: 0, peakBytes: 0, stdout: '' };
  for (const step of steps) {
    const { seconds, cpuSeconds, peakBytes } = await step();
    total.seconds += seconds;
    total.cpuSeconds += cpuSeconds;
    total.peakBytes = Math.max(total.peakBytes, peakBytes);
  }
  return total;
}

/** Dirty pages written, clean ones dropped where that is allowed: every run reads its source from the disk. */
function settleCaches(): void {
  spawnSync('sync', { stdio: 'ignore' });
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  } catch {
    // without the right to drop caches every run finds them warm alike
  }
}

/** Time of all children that have ended, in clock ticks of 10 ms: fields cutime and cstime. */
function childrenCpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** `VmHWM` (each process's own peak) summed over a process and its descendants. */
function residentBytes(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(field(`/proc/${name}/status`, 'PPid'));
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const family = [root];
  for (const pid of family) family.push(...(children.get(pid) ?? []));
  return family.reduce((sum, pid) => sum + 1024 * Number(field(`/proc/${pid}/status`, 'VmHWM') ?? 0), 0);
}

function field(path: string, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'utf8'))?.[1];
  } catch {
    return undefined; // the process is gone
  }
}
