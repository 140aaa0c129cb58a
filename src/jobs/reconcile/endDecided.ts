import { type PendingCommit, pendingCommits } from '../../db/commits.ts';
import { giveUpCommit, packsNotHeld } from '../../db/reconciliation.ts';
import { isCoded } from '../../lib/error.ts';
import { pointPacks } from '../../store/pointPacks.ts';
import type { JobContext } from '../context.ts';
import { completeCommit } from '../recoverCommits.ts';
import type { OpenVault } from '../vaultStores.ts';
import { note } from './report.ts';

const BATCH = 500;

/**
 * Ends what an old database had decided and not yet put. Its point may have been published, let go and collected
 * since: it is put only when every pack it reaches is still there.
 */
export async function endDecided(context: JobContext, vault: OpenVault): Promise<void> {
  const { db, clock, signal } = context;
  for (const commit of await pendingCommits(db.queries, vault.store.vaultId)) {
    signal.throwIfAborted();
    const why = (await vault.store.backend.head(commit.name)) ? undefined : await lack(context, vault, commit);
    if (why === undefined) {
      await completeCommit(context, vault, commit);
      await db.transaction((tx) => note(tx, context, { kind: 'completed', name: commit.name }));
    } else {
      await db.transaction(async (tx) => {
        await giveUpCommit(tx, commit, clock.now());
        await note(tx, context, { kind: 'dropped', name: commit.name, expiresAt: null, why });
      });
    }
  }
}

/** Why the point could not be restored; undefined: it could. */
async function lack(
  { db, signal }: JobContext,
  { store }: OpenVault,
  commit: PendingCommit,
): Promise<string | undefined> {
  const body = store.readCommit(commit.name, commit.bytes);
  const walk = { backend: store.backend, keys: store.structKeys, signal };
  let batch: string[] = [];
  const isHeld = async (): Promise<boolean> => {
    const lost = await packsNotHeld(db.queries, store.vaultId, batch);
    batch = [];
    return lost.length === 0;
  };
  const reason = 'It was decided and never put, and packs that it needs are gone.';
  try {
    for (const { root } of body.disks)
      for await (const packId of pointPacks(walk, root))
        if (batch.push(packId) === BATCH && !(await isHeld())) return reason;
    return (await isHeld()) ? undefined : reason;
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return reason;
    throw error;
  }
}
