import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
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
    const built = await measure(process.execPath, [script, 'build', '--folder', vault, '--disks', String(disks)]);
    const { leaves, points, packs } = JSON.parse(built.stdout) as Built;
    say(`${leaves} leaves, ${points} points, ${packs} packs, ${(folderBytes(vault) / GIB).toFixed(1)} GiB on the disk`);
    const marked = await measure(process.execPath, [script, 'look', '--folder', vault]);
    const { seconds, cpuSeconds, peakBytes } = marked;
    const perLeafUs = (seconds / leaves) * 1e6;
    return {
      lines: [
        `${disks} TiB in ${leaves} leaves of ${points} points: looked at in ${seconds.toFixed(0)} s (${cpuSeconds.toFixed(0)} CPU s), ${perLeafUs.toFixed(0)} µs a leaf, ${(peakBytes / MIB).toFixed(0)} MiB`,
      ],
      records: [{ disks, leaves, points, packs, seconds, cpuSeconds, peakBytes, buildSeconds: built.seconds }],
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
