import { type Collector, markGone, setLockedUntil } from '../../db/collection.ts';
import { getPack } from '../../db/packs.ts';
import { packsInState } from '../../db/packsInState.ts';
import { changeStoreState, getStoreState } from '../../db/storeStates.ts';
import { dueTrash, emptyTrash } from '../../db/trash.ts';
import { CodedError } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { packObjects } from '../../store/compact.ts';
import { putDeletionMark } from '../../store/deletionMark.ts';
import { isRefusedDeletion } from '../../store/refusedDeletion.ts';
import type { JobContext } from '../context.ts';
import { removeLetGo } from '../replicate/removeLetGo.ts';
import type { OpenVault } from '../vaultStores.ts';
import type { CollectSettings } from './settings.ts';

export interface Dropped {
  readonly packs: number;
  readonly bytes: number;
  /** The storage holds them still: a later run deletes them. */
  readonly locked: number;
}

type Subject = { readonly vault: OpenVault; readonly collector: Collector; readonly settings: CollectSettings };

/**
 * `gc/<gcSeq>` first: from then on a database that does not know of it is old. Errors: StoreReconcileRequired (another
 * database has deleted under this number), StoreFull, StoreIoFailed.
 */
export async function putMark(
  { db, clock }: Pick<JobContext, 'db' | 'clock'>,
  { vault }: Pick<Subject, 'vault'>,
): Promise<void> {
  const { vaultId } = vault.store;
  const { gcSeq, collection } = await getStoreState(db.queries, vaultId);
  if (await putDeletionMark(vault.reaper, { vaultId, gcSeq, token: collection?.token ?? '' })) return;
  const why = [`deletion ${gcSeq} was made by a database that is not this one`];
  await db.transaction((tx) => changeStoreState(tx, vaultId, { reconcile: { since: clock.now(), why } }));
  throw new CodedError('StoreReconcileRequired', `Nothing was deleted: ${why.join()}.`, {
    recommendations: ['Make sure that one server alone uses this store, then reconcile the vault.'],
  });
}

/**
 * Deletes what is in `deleting` on every copy; nothing while the secondary keeps the commit object of a point that was
 * let go, for that needs its packs. Errors: StoreIoFailed, JobLeaseLost; a later run goes on.
 */
export async function dropPacks(
  { db, signal }: Pick<JobContext, 'db' | 'signal'>,
  { vault, collector, settings }: Subject,
): Promise<Dropped> {
  let packs = 0;
  let bytes = 0;
  let locked = 0;
  const mayDelete = await isSecondaryRid({ db, signal }, vault);
  for await (const page of packsInState(db.queries, collector.vaultId, 'deleting')) {
    const gone: string[] = [];
    if (!mayDelete) {
      locked += page.length;
      continue;
    }
    for (const pack of page) {
      signal.throwIfAborted();
      await settings.onStep('drop');
      const names = new Set([pack.name, ...(await packObjects(vault.reaper, pack.packId))]);
      if (vault.secondary) for (const name of await packObjects(vault.secondary, pack.packId)) names.add(name);
      const until = await deleteEverywhere(vault, [...names]);
      if (until === undefined) {
        gone.push(pack.packId);
        packs++;
        bytes += pack.sizeBytes;
        continue;
      }
      locked++;
      if (until > 0) await setLockedUntil(db.queries, collector.vaultId, pack.packId, until);
    }
    await settings.onStep('gone');
    await markGone(db.queries, collector, gone);
  }
  return { packs, bytes, locked };
}

/** Deletes what compaction replaced long enough ago. Errors: StoreIoFailed. */
export async function takeOutTrash(
  { db, clock, signal }: Pick<JobContext, 'db' | 'clock' | 'signal'>,
  { vault, collector, settings }: Subject,
): Promise<number> {
  let count = 0;
  const names = await dueTrash(db.queries, collector.vaultId, clock.now());
  if (names.length > 0 && !(await isSecondaryRid({ db, signal }, vault))) return 0;
  for (const name of names) {
    signal.throwIfAborted();
    await settings.onStep('trash');
    if (!(await isReplacedEverywhere(db, vault, name))) continue;
    if ((await deleteEverywhere(vault, [name])) !== undefined) continue;
    await emptyTrash(db.queries, collector.vaultId, [name]);
    count++;
  }
  return count;
}

/** Whether no point that was let go is listed there: a replication that lagged may have brought one after it went. */
const isSecondaryRid = async (
  { db, signal }: Pick<JobContext, 'db' | 'signal'>,
  { store, secondary }: OpenVault,
): Promise<boolean> => {
  if (!secondary) return true;
  return (await removeLetGo({ db: db.queries, vaultId: store.vaultId, secondary, signal })).areGone;
};

/** The secondary may not have got yet what took the object's place. */
const isReplacedEverywhere = async (db: JobContext['db'], { store, secondary }: OpenVault, name: string) => {
  const pack = secondary && (await getPack(db.queries, store.vaultId, name.slice(5, 37)));
  if (!secondary || !pack || pack.state === 'gone' || pack.state === 'deleting') return true;
  return (await secondary.head(pack.name)) !== undefined;
};

/**
 * The copies first, so that none of them ever has what the store has no more. Undefined: all are gone; else the
 * latest time until which the storage holds one, 0 when it does not say.
 */
const deleteEverywhere = async (vault: OpenVault, names: readonly string[]): Promise<number | undefined> => {
  let until: number | undefined;
  for (const name of names)
    for (const backend of [...(vault.secondary ? [vault.secondary] : []), vault.reaper]) {
      const held = await deleteOne(backend, name);
      if (held !== undefined) until = Math.max(until ?? 0, held);
    }
  return until;
};

const deleteOne = async (backend: Backend, name: string): Promise<number | undefined> => {
  try {
    await backend.delete(name);
    return undefined;
  } catch (error) {
    if (!isRefusedDeletion(error)) throw error;
    return (await backend.lock?.retainedUntil(name)) ?? 0;
  }
};
