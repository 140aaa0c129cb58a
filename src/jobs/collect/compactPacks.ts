import { type Collector, finishCompaction, giveUpCompaction } from '../../db/collection.ts';
import { packsInState } from '../../db/packsInState.ts';
import { isCoded } from '../../lib/error.ts';
import { compactPack, packObjects } from '../../store/compact.ts';
import type { PackMarks } from '../../store/packMarks.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';
import type { CollectSettings } from './settings.ts';

export interface Compacted {
  readonly packs: number;
  /** What the old objects are larger than the new ones; free when the trash is taken out. */
  readonly bytes: number;
  /** Of the new objects. */
  readonly writtenBytes: number;
  /** Damaged: they stay as they were, for a verification to mend. */
  readonly damaged: number;
}

/**
 * Writes the next generation of every pack in `compacting`, without the records that the marks deny.
 * Errors: StoreFull, StoreIoFailed, StoreLies, JobLeaseLost; a later run goes on.
 */
export async function compactPacks(
  { db, clock, log, signal }: Pick<JobContext, 'db' | 'clock' | 'log' | 'signal'>,
  subject: {
    readonly vault: OpenVault;
    readonly collector: Collector;
    readonly marks: PackMarks;
    readonly settings: CollectSettings;
  },
): Promise<Compacted> {
  const { vault, collector, marks, settings } = subject;
  const { structKeys } = vault.store;
  let packs = 0;
  let bytes = 0;
  let writtenBytes = 0;
  let damaged = 0;
  for await (const page of packsInState(db.queries, collector.vaultId, 'compacting')) {
    for (const pack of page) {
      signal.throwIfAborted();
      await settings.onStep('compact');
      const index = marks.find(pack.packId);
      if (index < 0) continue;
      try {
        const next = await compactPack(vault.reaper, structKeys, pack, (slot) => marks.isLive(index, slot));
        await settings.onStep('compacted');
        const objects = await packObjects(vault.reaper, pack.packId);
        const names = objects.filter((name) => name !== next.name);
        const notBefore = clock.now() + settings.trashMs;
        await finishCompaction(db.queries, collector, next, { names, notBefore });
        packs++;
        bytes += pack.sizeBytes - next.sizeBytes;
        writtenBytes += next.sizeBytes;
      } catch (error) {
        if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) throw error;
        log.warn({ err: error, pack: pack.name }, 'a pack cannot be compacted, for it is damaged');
        await giveUpCompaction(db.queries, collector, pack.packId);
        damaged++;
      }
    }
  }
  return { packs, bytes, writtenBytes, damaged };
}
