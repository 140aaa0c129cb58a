import { deletePoint, getPoint, putPoint } from '../../db/points.ts';
import { forgetCommit, itemsWithCommits, publishedCommits } from '../../db/reconciliation.ts';
import { CodedError } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { isRestorable } from '../../vault/recoveryPoint.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';
import { note } from './report.ts';

type Published = Awaited<ReturnType<typeof publishedCommits>>[number];

/**
 * Lets go of the points whose commit object is gone from every copy of the store. The listing only says what to look
 * at. Errors: StoreLies (an object that is there was not listed: no listing of this storage can be trusted now).
 */
export async function dropCommits(context: JobContext, vault: OpenVault): Promise<void> {
  const { db, signal } = context;
  const { vaultId } = vault.store;
  for (const itemId of await itemsWithCommits(db.queries, vaultId)) {
    signal.throwIfAborted();
    // asked for before the listing: a commit that is published meanwhile is not missed
    const commits = await publishedCommits(db.queries, vaultId, itemId);
    const listed = new Set<string>();
    for await (const { name } of vault.store.backend.list(`rp/${itemId}/`)) listed.add(name);
    for (const commit of commits.filter(({ name }) => !listed.has(name))) {
      signal.throwIfAborted();
      await assertNotThere(vault.store.backend, commit.name);
      const copy = await otherCopyOf(vault, commit.name);
      if (copy === undefined) await drop(context, vaultId, itemId, commit);
      else await db.transaction((tx) => note(tx, context, { kind: 'left', name: commit.name, why: copy }));
    }
  }
}

/** Asks twice for what a listing left out. Errors: StoreLies. */
export const assertNotThere = async (backend: Backend, name: string): Promise<void> => {
  for (let times = 0; times < 2; times++) {
    if ((await backend.head(name)) === undefined) continue;
    throw new CodedError(
      'StoreLies',
      `The storage has ${name} and did not list it: nothing is decided by such a listing.`,
      {
        target: name,
        recommendations: ['Wait until the storage is consistent; then ask for the reconciliation again.'],
      },
    );
  }
};

/** Where the object still is, although the store says that it is gone: a damage, which verification mends. */
async function otherCopyOf({ store, reaper, secondary }: OpenVault, name: string): Promise<string | undefined> {
  const copies = [...(store.backend.copies ?? []), ...(reaper.copies ?? [])];
  for (const copy of copies) if (await copy.head(name)) return 'It is in one copy of the store only.';
  return (await secondary?.head(name)) ? 'It is in the secondary only.' : undefined;
}

async function drop(context: JobContext, vaultId: string, itemId: string, commit: Published): Promise<void> {
  const { db, clock } = context;
  await db.transaction(async (tx) => {
    await forgetCommit(tx, vaultId, commit.cseq);
    const point = await getPoint(tx, itemId, commit.pointId);
    if (point?.vaulted?.commitName === commit.name) {
      const left = { ...point, vaulted: { ...point.vaulted, deletedAt: clock.now() } };
      if (isRestorable(left)) await putPoint(tx, left);
      else await deletePoint(tx, itemId, commit.pointId);
    }
    const expiresAt = point?.vaulted?.expiresAt ?? null;
    const why = 'Its commit object is gone from the store.';
    await note(tx, context, { kind: 'dropped', name: commit.name, expiresAt, why });
  });
}
