import type { Collector } from '../../db/collection.ts';
import { packsOfFolder } from '../../db/reconciliation.ts';
import { adoptPack, forgetUnknown, putIntoTrash, seeUnknown } from '../../db/trash.ts';
import { isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { inspectPack } from '../../store/compact.ts';
import type { StructKeys } from '../../store/keys.ts';
import { listPackFolder, PACK_FOLDERS } from '../../store/packListing.ts';
import type { JobContext } from '../context.ts';
import type { CollectSettings } from './settings.ts';

interface Found {
  readonly packId: string;
  readonly name: string;
  readonly sizeBytes: number;
}

export interface UnknownPacks {
  /** Became packs of an ended session, to be collected as any other. */
  readonly adopted: number;
  /** Seen for too short a time to say that nobody is about to write them down. */
  readonly waiting: number;
  /** Other generations of packs that are known, left by a compaction that was stopped. */
  readonly strays: number;
}

/**
 * Compares the listing of the store's packs with the database: what a writer put and never wrote down would lie there
 * for ever. In 256 parts, so that memory is bounded. `isDry`: only counts. Errors: StoreIoFailed, JobLeaseLost.
 */
export async function adoptUnknownPacks(
  { db, clock, signal }: Pick<JobContext, 'db' | 'clock' | 'signal'>,
  collector: Collector,
  store: { readonly backend: Backend; readonly keys: StructKeys },
  { settings, isDry }: { readonly settings: CollectSettings; readonly isDry: boolean },
): Promise<UnknownPacks> {
  const { vaultId } = collector;
  const still = new Set<string>();
  let adopted = 0;
  let strays = 0;
  for (const folder of PACK_FOLDERS) {
    signal.throwIfAborted();
    const { unknown, stray } = await compare(db.queries, vaultId, store.backend, folder);
    strays += stray.length;
    for (const { name } of unknown) still.add(name);
    if (isDry) continue;
    await putIntoTrash(db.queries, vaultId, stray, clock.now() + settings.trashMs);
    const seen = await seeUnknown(
      db.queries,
      vaultId,
      unknown.map(({ name }) => name),
      clock.now(),
    );
    for (const found of unknown) {
      if (clock.now() - seen.get(found.name)! < settings.unknownMs) continue;
      await adoptPack(db.queries, collector, await inspect(store, found), clock.now());
      still.delete(found.name);
      adopted++;
    }
  }
  if (!isDry) await forgetUnknown(db.queries, vaultId, still);
  return { adopted, waiting: still.size, strays };
}

const compare = async (
  db: JobContext['db']['queries'],
  vaultId: string,
  backend: Backend,
  folder: string,
): Promise<{ readonly unknown: readonly Found[]; readonly stray: readonly string[] }> => {
  const listed = await listPackFolder(backend, folder);
  // the rows after the listing: a pack that is written down meanwhile is known
  const known = await packsOfFolder(db, vaultId, folder);
  const unknown: Found[] = [];
  const stray: string[] = [];
  for (const { packId, objects } of listed.values()) {
    const row = known.get(packId);
    if (!row || row.state === 'gone') {
      unknown.push({ packId, ...objects[0]! });
      continue;
    }
    const isHeld = row.state === 'live' || row.state === 'condemned';
    if (isHeld && objects.some(({ name }) => name === row.name))
      stray.push(...objects.map(({ name }) => name).filter((name) => name !== row.name));
  }
  return { unknown, stray };
};

/** A pack that nobody can open has no records that anything could refer to. */
const inspect = async (store: { readonly backend: Backend; readonly keys: StructKeys }, found: Found) => {
  try {
    return await inspectPack(store.backend, store.keys, found.name);
  } catch (error) {
    if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreKeyWrong')) throw error;
    const { packId, name, sizeBytes } = found;
    return { packId, name, sizeBytes, kind: 'data' as const, slots: 0, records: 0 };
  }
};
