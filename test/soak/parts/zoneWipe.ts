import { rmSync } from 'node:fs';
import type { Backend } from '../../../src/store/backend.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part } from '../part.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';
import { assertPlaceIsWhole } from './replicaKills.ts';

const HOUR_MS = 3_600_000;

/** One of three zones loses everything in the middle of a backup; each zone in turn, more than once. */
export const zoneWipe: Part = {
  name: 'zone wiped',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, machines: 2, redundancy: 'ZoneRedundant' });
    await oneBackup(rig);
    for (let round = 0; round < (run.isLong ? 60 : 3); round++) {
      const zone = rig.places[round % rig.places.length]!;
      const wipe = new Wiper(zone, () => rmSync(rig.storeFolder(zone), { recursive: true, force: true }));
      await using process = await rig.start({ wraps: { wrap: wipe.wrap } });
      await process.settle();
      wipe.at = 1 + run.random.below(6);
      const jobs: string[] = [];
      for (const item of rig.items) {
        await rig.write(item, 4);
        jobs.push(await process.requestBackup(item));
      }
      await process.settle();
      if (!wipe.isDone) throw new Violation(`the wipe prepared at put ${wipe.at} was never hit`);
      for (const id of jobs) {
        const { status, errors } = await process.job(id);
        if (!status.startsWith('Completed'))
          throw new Violation(`${zone} was wiped, and a backup says ${status} ${JSON.stringify(errors)}`);
      }
      run.count('losses');
      run.count('restores checked', await assertVault(process, { isDegraded: true }));
      await rig.clock.turn(HOUR_MS); // a place that failed is rested for a while
      const job = await process.housekeep('Replicate');
      if (!job.status.startsWith('Completed'))
        throw new Violation(`replication says ${job.status} ${JSON.stringify(job.errors)}`);
      for (const place of rig.places)
        await assertPlaceIsWhole(process, place).catch((error: unknown) => {
          const told = JSON.stringify(job.propertyBag);
          throw new Violation(`${place} after replication ${told}: ${(error as Error).message}`, { cause: error });
        });
      await rig.clock.turn(HOUR_MS);
    }
  },
};

/** Empties a place before its n-th put. */
class Wiper {
  at = Number.POSITIVE_INFINITY;
  isDone = false;
  #puts = 0;
  readonly #zone: string;
  readonly #empty: () => void;

  constructor(zone: string, empty: () => void) {
    this.#zone = zone;
    this.#empty = empty;
  }

  readonly wrap = (place: string, inner: Backend): Backend => {
    if (place !== this.#zone) return inner;
    return {
      put: async (name, bytes, signal) => {
        if (this.at < Number.POSITIVE_INFINITY && ++this.#puts === this.at) {
          this.isDone = true;
          this.#empty();
        }
        return inner.put(name, bytes, signal);
      },
      get: (name, range) => inner.get(name, range),
      head: (name) => inner.head(name),
      list: (prefix) => inner.list(prefix),
      delete: (name) => inner.delete(name),
    };
  };
}
