import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench } from './bench.ts';
import { measure } from './measure.ts';
import { folderBytes } from './race.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Of 1 TiB each. */
const DISKS = 100;
const MOST_SECONDS = 15 * 60;
const MOST_BYTES = 512 * MIB;

interface Built {
  readonly leaves: number;
  readonly points: number;
  readonly packs: number;
}

/** A collection's look at 100 TiB: all trees are real and sealed, of the data packs only the rows are there. */
export const scaleBench: Bench = {
  name: 'scale',
  run: async ({ folder, scale, say }) => {
    const disks = Math.max(1, Math.round(DISKS * scale));
    const script = join(import.meta.dirname, 'scale.ts');
    const vault = join(folder, 'vault');
    mkdirSync(vault, { recursive: true });
    say(`building a vault of ${disks} TiB …`);
    const buildStarted = performance.now();
    const { leaves, points, packs } = await build(script, vault, disks);
    const buildSeconds = (performance.now() - buildStarted) / 1000;
    say(`${leaves} leaves, ${points} points, ${packs} packs, ${(folderBytes(vault) / GIB).toFixed(1)} GiB on the disk`);
    const marked = await measure(process.execPath, [script, 'look', '--folder', vault]);
    const { seconds, cpuSeconds, peakBytes } = marked;
    const perLeafUs = (seconds / leaves) * 1e6;
    return {
      lines: [
        `${disks} TiB in ${leaves} leaves of ${points} points: looked at in ${seconds.toFixed(0)} s (${cpuSeconds.toFixed(0)} CPU s), ${perLeafUs.toFixed(0)} µs a leaf, ${(peakBytes / MIB).toFixed(0)} MiB`,
      ],
      records: [{ disks, leaves, points, packs, seconds, cpuSeconds, peakBytes, buildSeconds }],
      verdicts: [
        {
          target: `${disks} TiB are marked at the pace of 100 TiB in 15 minutes`,
          met: seconds <= (MOST_SECONDS * disks) / DISKS,
          measured: `${seconds.toFixed(0)} s`,
        },
        {
          target: 'marking takes at most 512 MiB of memory',
          met: peakBytes <= MOST_BYTES,
          measured: `${(peakBytes / MIB).toFixed(0)} MiB`,
        },
      ],
    };
  },
};

/** As many processes as the machine has processors. */
async function build(script: string, vault: string, disks: number): Promise<Built> {
  execFileSync(process.execPath, [script, 'create', '--folder', vault]);
  const share = Math.ceil(disks / availableParallelism());
  const running: Promise<string>[] = [];
  for (let first = 0; first < disks; first += share) {
    const own = ['--first', String(first), '--disks', String(Math.min(share, disks - first))];
    const built = promisify(execFile)(process.execPath, [script, 'build', '--folder', vault, ...own]);
    running.push(built.then(({ stdout }) => stdout));
  }
  const parts = (await Promise.all(running)).map((text) => JSON.parse(text) as Built);
  const sum = (of: keyof Built): number => parts.reduce((total, part) => total + part[of], 0);
  return { leaves: sum('leaves'), points: sum('points'), packs: sum('packs') };
}
