import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { Range } from './image.ts';
import { strongroom } from './peers.ts';
import { folderBytes } from './race.ts';
import { Random } from './random.ts';
import { type Figure, table } from './report.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const MOST_BYTES = 512 * MiB;

/** Memory must not grow with the disk: 16 TiB, 128 KiB of data in each of 2,000 places. */
export const sparse: Bench = {
  name: 'sparse',
  run: async ({ folder, say }) => {
    const image = join(folder, 'sparse.img');
    const extents: Range[] = [];
    const random = new Random(3);
    const bytes = new Uint8Array(128 * 1024);
    const file = openSync(image, 'w');
    truncateSync(image, 16 * 2 ** 40 - 2 ** 32);
    for (let place = 0; place < 2000; place++) {
      const offset = place * 8 * GiB + random.below(1000) * MiB;
      random.fill(bytes);
      writeSync(file, bytes, 0, bytes.length, offset);
      extents.push({ offset, length: bytes.length });
    }
    closeSync(file);
    const listing = join(folder, 'extents.json');
    writeFileSync(listing, JSON.stringify(extents));
    const contender = strongroom(folder);
    await contender.prepare();
    const { seconds, cpuSeconds, peakBytes } = await contender.listed!(image, listing);
    const storedBytes = folderBytes(contender.folder);
    say(`strongroom sparse16TiB: ${seconds.toFixed(1)} s`);
    const figure: Figure = {
      ...{
        tool: 'strongroom',
        step: 'sparse16TiB',
        seconds,
        cpuSeconds,
        peakBytes,
        grewBytes: storedBytes,
        storedBytes,
      },
    };
    return {
      lines: table([figure]),
      records: [figure],
      verdicts: [
        {
          target: 'memory peaks at 512 MiB or less while a disk of 16 TiB is backed up',
          met: peakBytes <= MOST_BYTES,
          measured: `${(peakBytes / MiB).toFixed(0)} MiB`,
        },
      ],
    };
  },
};
