import { rm } from 'node:fs/promises';
import { checkDatabaseCopy, type DatabaseFacts } from '../db/copyDatabase.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { DAY_MS, isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { type DatabaseCopy, listDatabaseCopies, openDatabaseCopy, putDatabaseCopy } from '../store/databaseCopies.ts';
import { isRefusedDeletion } from '../store/refusedDeletion.ts';
import type { JsonObject } from '../vault/json.ts';
import { putCheckpoint } from './catalogue/checkpoint.ts';
import { copiesToLetGo } from './catalogue/copiesToLetGo.ts';
import type { JobContext } from './context.ts';
import type { JobOutcome } from './runner.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import type { OpenVault } from './vaultStores.ts';

/** StoreState.databaseCopy. */
export type DatabaseCopyState = JsonObject & {
  /** When it was taken, ms. */
  readonly at: number;
  readonly name: string;
  /** Of the database file, and of its objects in the store. */
  readonly sizeBytes: number;
  readonly storedBytes: number;
  /** When it was last read back, opened and compared. */
  readonly checkedAt: number;
  readonly contentSha256: string;
};

/** A piece whose copy was not ended after so long never will be. */
const STRAY_MS = DAY_MS;

/**
 * Copies the database into the vault's store, once a day also a checkpoint. A copy counts only after it was read back,
 * opened and compared. Nothing is put when nothing that matters has changed since the last one of this day.
 * Errors: StoreReconcileRequired (an old database must not become the newest copy), DatabaseDamaged, StoreDataDamaged,
 * StoreFull, StoreIoFailed.
 */
export async function runCopyCatalogue(context: JobContext): Promise<JobOutcome> {
  const { db, job, clock } = context;
  const { checkpoint } = await getStoreState(db.queries, job.vaultId);
  const isNewDay = checkpoint === undefined || clock.now() - checkpoint.at >= DAY_MS;
  const vault = await assertStoreAgrees(context, job.vaultId, isNewDay ? 'full' : 'quick');
  const copied = await copyIfChanged(context, vault);
  if (isNewDay) await putCheckpoint(context, vault);
  await letGo(context, vault);
  const { databaseCopy } = await getStoreState(db.queries, job.vaultId);
  const { name, at } = databaseCopy as DatabaseCopyState;
  const note = copied ? 'copied and read back' : 'nothing has changed since';
  return { status: 'Completed', propertyBag: { 'Database Copy': `${name}, taken ${isoTime(at)}: ${note}` } };
}

async function copyIfChanged(context: JobContext, vault: OpenVault): Promise<boolean> {
  const { db, clock, signal } = context;
  const { vaultId } = vault.store;
  const scratch = `${vault.dedupePath}.catalogue-copy`;
  await using _scratch = { [Symbol.asyncDispose]: () => removeDatabase(scratch) };
  const at = clock.now();
  const facts = await db.copyTo(scratch, signal);
  const last = (await getStoreState(db.queries, vaultId)).databaseCopy as DatabaseCopyState | undefined;
  const isSame = last?.contentSha256 === facts.contentSha256 && at - last.at < DAY_MS;
  if (isSame && (await vault.store.backend.head(last.name))) return false;
  const copy = await putDatabaseCopy(vault.store, scratch, at, signal);
  const { sizeBytes } = await readBack(vault, copy, scratch, facts, signal);
  const databaseCopy: DatabaseCopyState = {
    ...{ at: copy.takenAt, name: copy.name, sizeBytes, storedBytes: copy.storedBytes },
    ...{ checkedAt: clock.now(), contentSha256: facts.contentSha256 },
  };
  await db.transaction((tx) => changeStoreState(tx, vaultId, { databaseCopy }));
  return true;
}

/** The copy as somebody who has lost the database would get it. */
async function readBack(
  { store }: OpenVault,
  copy: DatabaseCopy,
  scratch: string,
  facts: DatabaseFacts,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number }> {
  await removeDatabase(scratch);
  const manifest = await openDatabaseCopy(store, copy.name, scratch, signal);
  const found = await checkDatabaseCopy(scratch, signal);
  if (JSON.stringify(found) === JSON.stringify(facts)) return manifest;
  throw new CodedError('StoreDataDamaged', `${copy.name} does not hold the database that was put into it.`, {
    target: copy.name,
    recommendations: ['Look after the storage; the next copy is made within the hour.'],
  });
}

/** Old copies, the newest good one never. What the storage still holds goes another time. */
async function letGo({ db, clock, signal }: JobContext, { store, reaper }: OpenVault): Promise<void> {
  const newest = (await getStoreState(db.queries, store.vaultId)).databaseCopy as DatabaseCopyState;
  const { copies, strays } = await listDatabaseCopies(store.backend);
  const old = strays.filter(({ takenAt }) => clock.now() - takenAt > STRAY_MS);
  for (const copy of [...copiesToLetGo(copies, newest.name), ...old]) {
    signal.throwIfAborted();
    // the object that ends it first: a copy without its parts is never seen
    for (const name of new Set([copy.name, ...copy.parts])) await deleteUnlocked(reaper, name);
  }
}

async function deleteUnlocked(reaper: OpenVault['reaper'], name: string): Promise<void> {
  try {
    await reaper.delete(name);
  } catch (error) {
    if (!isRefusedDeletion(error)) throw error;
  }
}

async function removeDatabase(file: string): Promise<void> {
  for (const end of ['', '-wal', '-shm', '-journal']) await rm(`${file}${end}`, { force: true });
}
