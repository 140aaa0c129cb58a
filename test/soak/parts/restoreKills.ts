import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { killEverywhere, type Work } from '../kills.ts';
import { Violation } from '../oracle.ts';
import type { Part } from '../part.ts';
import { hashFile } from '../recorder.ts';
import { BY, type SoakProcess } from '../soakProcess.ts';
import { oneBackup } from './backupKills.ts';

const restore: Work = {
  name: 'restore',
  kinds: ['get', 'db'],
  isCopied: true,
  prepare: oneBackup,
  act: async (process) => {
    const { point } = process.rig.recorder.due(process.rig.clock.now())[0]!;
    const folder = join(process.rig.folder, `half-${randomUUID()}`);
    await process.service.requestRestore(point.itemId, point.id, { kind: 'folder', folder }, BY);
  },
  afterwards: assertOnlyWholeDisks,
};

/** Whatever carries a disk's name is the whole disk. */
async function assertOnlyWholeDisks({ rig }: SoakProcess): Promise<void> {
  const hashes = new Set(rig.recorder.due(rig.clock.now()).flatMap((shown) => [...shown.hashes.values()]));
  for (const folder of readdirSync(rig.folder).filter((name) => name.startsWith('half-')))
    for (const name of readdirSync(join(rig.folder, folder))) {
      if (name.endsWith('.part')) throw new Violation(`half a disk is left: ${name}`);
      if (name.endsWith('.raw') && !hashes.has(await hashFile(join(rig.folder, folder, name))))
        throw new Violation(`${name} has a disk's name and is not one`);
    }
}

/** A process dies before each read of the store, statement and commit of a restore. */
export const restoreKills: Part = { name: 'restore kills', run: (run) => killEverywhere(run, restore, 8) };
