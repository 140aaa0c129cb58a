import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBackend } from '../../../src/store/openBackend.ts';
import { verifyAll } from '../../../src/store/rescue.ts';
import { killEverywhere, type Work } from '../kills.ts';
import { objectsByClass } from '../objects.ts';
import { Violation } from '../oracle.ts';
import type { Part } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import type { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';

const verify: Work = {
  name: 'verify and repair',
  kinds: ['put', 'delete', 'file', 'db'],
  rig: { redundancy: 'ZoneRedundant', dataBytes: 1 << 20 },
  isCopied: true,
  prepare: async (rig) => {
    await oneBackup(rig);
    await rig.clock.turn(3_600_000);
    const backend = openBackend({ kind: 'disk', folder: rig.storeFolder('zone-a') });
    for (const [kind, names] of await objectsByClass(backend)) {
      if (!/pack|rp/.test(kind)) continue;
      const path = join(rig.storeFolder('zone-a'), names[0]!);
      if (kind === 'meta pack') rmSync(path);
      else writeFileSync(path, 'these are other bytes');
    }
  },
  act: async (process) => void (await process.requestHousekeeping('Verify')),
  // the wish for it may have died with the process
  settled: async (process) => void (await process.housekeep('Verify')),
  afterwards: async (process) => {
    await process.housekeep('Verify');
    await process.housekeep('Replicate');
    for (const place of process.rig.places) await assertPlaceIsWhole(process, place);
  },
};

const replicate: Work = {
  name: 'replication to a secondary',
  kinds: ['put', 'delete', 'file', 'db'],
  rig: { redundancy: 'GeoRedundant', dataBytes: 1 << 20 },
  isCopied: true,
  prepare: async (rig) => {
    await oneBackup(rig);
    await using process = await rig.start();
    await process.housekeep('Replicate');
    await rig.write(rig.items[0]!, 4);
    await process.requestBackup(rig.items[0]!);
    await process.settle();
    await rig.clock.turn(60_000);
  },
  act: async (process) => void (await process.requestHousekeeping('Replicate')),
  whenDead: (rig, keyOf) => assertPlace(rig, 'far', keyOf),
  afterwards: async (process) => {
    await process.housekeep('Replicate');
    await assertPlaceIsWhole(process, 'far');
  },
};

/** By itself, a place holds every promised point and nothing that is damaged. */
export async function assertPlaceIsWhole(process: SoakProcess, place: string): Promise<void> {
  const { rig } = process;
  const listed = await assertPlace(rig, place, (id) => process.keyOf(id));
  const lost = rig.recorder.due(rig.clock.now()).filter(({ point }) => !listed.has(point.id));
  if (lost.length > 0) throw new Violation(`${place} lacks ${lost.length} points, as ${lost[0]!.point.id}`);
}

/** Whatever a place lists restores from it alone. The ids of the points that it lists. */
async function assertPlace(rig: SoakRig, place: string, keyOf: SoakProcess['keyOf']): Promise<ReadonlySet<string>> {
  const backend = openBackend({ kind: 'disk', folder: rig.storeFolder(place) });
  const { damages } = await verifyAll({ backend, kek: await keyOf(rig.vaultId) });
  if (damages.length > 0)
    throw new Violation(`${place} lists what it does not hold: ${JSON.stringify(damages.slice(0, 3))}`);
  const points = new Set<string>();
  for await (const { name } of backend.list('rp/')) points.add(/\d{12}-([^.]+)\./.exec(name)![1]!);
  return points;
}

/** A process dies before each step of repairing a damaged copy, and of filling a secondary. */
export const replicaKills: Part = {
  name: 'replica kills',
  run: async (run) => {
    await killEverywhere(run, verify, 3);
    await killEverywhere(run, replicate, 3);
  },
};
