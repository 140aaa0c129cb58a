import { hash } from 'node:crypto';
import { publishCommit } from '../../db/commits.ts';
import { getPoint, putPoint } from '../../db/points.ts';
import { type PublishedCommit, replaceCommit } from '../../db/publishedCommits.ts';
import { isCoded } from '../../lib/error.ts';
import { isRefusedDeletion } from '../../store/refusedDeletion.ts';
import type { ObjectReport } from '../../store/repair.ts';
import type { CommitBody } from '../../store/store.ts';
import type { DiskRoot } from '../../store/tree.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import { catalogueOf } from '../commitCatalogue.ts';
import { tell, type VerifyRun } from './run.ts';

/**
 * A commit object of which no good copy is left is sealed anew from what the database knows of its point, under the
 * same number. It says which one it replaces, so that the chain of commit objects stays whole. The database has its
 * bytes before the store: what a crash leaves decided is completed as any other commit.
 */
export async function remakeCommit(run: VerifyRun, commit: PublishedCommit, report: ObjectReport): Promise<void> {
  const { context, vault, vaultId, tally } = run;
  const { db, clock, log } = context;
  const point = await getPoint(db.queries, commit.itemId, commit.pointId);
  if (point?.vaulted?.commitName !== commit.name || point.vaulted.deletedAt !== undefined) return;
  await deleteSpoilt(run, report);
  const body = await bodyOf(run, commit, point);
  const { name, bytes } = vault.store.sealCommit(body);
  await db.transaction(async (tx) => {
    await replaceCommit(tx, vaultId, commit, { name, bytes, sha256: hash('sha256', bytes, 'hex') });
    await putPoint(tx, { ...point, vaulted: { ...point.vaulted!, commitName: name } });
  });
  await vault.store.putCommit(name, bytes);
  await publishCommit(db.queries, vaultId, commit.cseq, clock.now());
  tally.repaired++;
  log.warn({ vault: vaultId, lost: commit.name, commit: name }, 'a lost commit object was made again');
}

async function deleteSpoilt({ vault, tally }: VerifyRun, { object, damages }: ObjectReport): Promise<void> {
  if (damages.every(({ kind }) => kind === 'missing')) return;
  try {
    await vault.reaper.delete(object);
  } catch (error) {
    if (!isRefusedDeletion(error)) throw error;
    tell(tally.waiting, error.message);
  }
}

async function bodyOf(
  { vault, vaultId }: VerifyRun,
  commit: PublishedCommit,
  point: RecoveryPoint,
): Promise<CommitBody> {
  const { store } = vault;
  const { itemId, takenAt, consistency, machine } = point;
  return {
    ...{ formatVersion: 1, vaultId, pointId: point.id, itemId, cseq: commit.cseq, takenAt, consistency, machine },
    createdAt: commit.createdAt,
    expiresAt: point.vaulted?.expiresAt ?? null,
    lockUntil: null,
    catalogue: catalogueOf(point),
    previous: commit.previous,
    replaces: (commit.next && (await namedBy(store, commit.next))) ?? commit.sha256,
    disks: point.disks.map(({ lun, name, diskId, root }) => ({
      ...{ lun, name, diskId },
      root: root as unknown as DiskRoot,
    })),
  };
}

/** What the commit after it calls its predecessor; undefined when that one cannot be read. */
const namedBy = async (store: VerifyRun['vault']['store'], next: string): Promise<string | undefined> => {
  try {
    return (await store.openCommit(next)).previous ?? undefined;
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return undefined;
    throw error;
  }
};
