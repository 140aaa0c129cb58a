import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isCoded } from '../../../src/lib/error.ts';
import { verifyAll } from '../../../src/store/rescue.ts';
import { openStore } from '../../../src/store/store.ts';
import { objectsByClass } from '../objects.ts';
import { hashOfDisk, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';

/** One bit of one object is turned over: it is found, and no reader ever gets other bytes than the right ones. */
export const flips: Part = {
  name: 'flips',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, dataBytes: 1 << 20 });
    await oneBackup(rig);
    await oneBackup(rig);
    await using process = await rig.start();
    await process.housekeep('CopyCatalogue');
    const { store } = await process.tools.stores.open(rig.vaultId);
    // gc/ are empty; own/ carry no checksum, and a spoilt one is another server's: this one stops writing
    const classes = [...(await objectsByClass(store.backend))].filter(([kind]) => kind !== 'gc' && kind !== 'own');
    const wanted = run.isLong ? 10_000 : 300;
    for (let flip = 0; flip < wanted; flip++) {
      const [kind, names] = classes[flip % classes.length]!;
      const name = names[run.random.below(names.length)]!;
      const { sizeBytes } = (await store.backend.head(name))!;
      const bit = run.random.below(sizeBytes * 8);
      const path = join(rig.storeFolder(), name);
      await turnOver(path, bit);
      if (!(await isFound(process, name)))
        throw new Violation(`bit ${bit} of ${name} (${kind}) was turned over unseen`);
      if (flip % 7 === 0) await assertNoWrongBytes(run, process, `bit ${bit} of ${name} (${kind})`);
      await turnOver(path, bit);
      run.count('flips');
    }
    await assertNoWrongBytes(run, process, 'all bits as they were');
    run.note(`over ${classes.map(([kind, names]) => `${names.length} ${kind}`).join(', ')}`);
  },
};

const turnOver = async (path: string, bit: number): Promise<void> => {
  await using file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, Math.floor(bit / 8));
  byte[0]! ^= 1 << (bit % 8);
  await file.write(byte, 0, 1, Math.floor(bit / 8));
};

/** By opening the store, or by going over its objects. */
async function isFound(process: SoakProcess, name: string): Promise<boolean> {
  const { backend } = (await process.tools.stores.open(process.rig.vaultId)).store;
  try {
    const { damages } = await verifyAll({ backend, kek: await process.keyOf(process.rig.vaultId) });
    return damages.some(({ object }) => object === name);
  } catch (error) {
    if (!isCoded(error)) throw error;
    return true;
  }
}

/** Every promised disk is its own self or an error. */
export async function assertNoWrongBytes(run: SoakRun, process: SoakProcess, when: string): Promise<void> {
  const { rig } = process;
  const { backend } = (await process.tools.stores.open(rig.vaultId)).store;
  const store = await openStore(backend, await process.keyOf(rig.vaultId)).catch(onlyCoded);
  if (!store) return;
  for (const { point, hashes } of rig.recorder.due(rig.clock.now())) {
    const body = await store.openCommit(point.vaulted!.commitName).catch(onlyCoded);
    for (const { lun, root } of body?.disks ?? []) {
      const hash = await hashOfDisk(store, root).catch(onlyCoded);
      if (hash !== undefined && hash !== hashes.get(lun))
        throw new Violation(`${when}: point ${point.id} gave wrong bytes`);
      run.count('restores checked');
    }
  }
}

const onlyCoded = (error: unknown): undefined => {
  if (!isCoded(error)) throw error;
  return undefined;
};
