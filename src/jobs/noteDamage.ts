import { markPackDamaged, suspectPack } from '../db/packVerification.ts';
import { isCoded } from '../lib/error.ts';
import { DedupeIndex } from '../store/dedupeIndex.ts';
import type { BadRead } from '../store/secondOpinion.ts';
import type { JobTools } from './context.ts';
import type { OpenVault } from './vaultStores.ts';

type NoteTools = Pick<JobTools, 'db' | 'clock' | 'log'>;

/**
 * Writes down what a job stumbled over: the pack leaves dedupe, the next backup stores its data anew, the next
 * verification looks for a good copy. False when `error` is not the damage of a pack.
 */
export async function noteDamage(
  { db, clock, log }: NoteTools,
  vault: Pick<OpenVault, 'store' | 'dedupePath'>,
  error: unknown,
): Promise<boolean> {
  if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) return false;
  const packId = packIn(error.target ?? '');
  if (packId === undefined) return false;
  const { vaultId } = vault.store;
  if (await markPackDamaged(db.queries, vaultId, { packId }, clock.now()))
    log.warn({ vault: vaultId, pack: packId, why: error.message }, 'a damaged pack was found');
  forgetPacks(vault, [packId]);
  return true;
}

/** A read went wrong that another copy, or a second read, put right: the next verification looks at the object. */
export async function noteBadRead(
  { db, clock, log }: NoteTools,
  vaultId: string,
  { object, why }: BadRead,
): Promise<void> {
  log.warn({ vault: vaultId, object, why }, 'a read of the store went wrong and was made good');
  const packId = packIn(object);
  if (packId !== undefined) await suspectPack(db.queries, vaultId, packId, clock.now());
}

/** New points do not refer to them any more. */
export function forgetPacks(vault: Pick<OpenVault, 'dedupePath'>, packIds: readonly string[]): void {
  if (packIds.length === 0) return;
  using index = new DedupeIndex(vault.dedupePath);
  index.forget(packIds);
}

/** An object's name, or what all names of a pack begin with. */
export const packIn = (target: string): string | undefined => /^p\/[0-9a-f]{2}\/([0-9a-f]{32})\./.exec(target)?.[1];
