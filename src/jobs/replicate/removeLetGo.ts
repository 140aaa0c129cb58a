import { deletedCommitNames } from '../../db/reconciliation.ts';
import type { Queries } from '../../db/schema.ts';
import type { Backend } from '../../store/backend.ts';
import { isRefusedDeletion } from '../../store/refusedDeletion.ts';
import { COMMIT_PREFIXES, listingOf } from './run.ts';

export interface LetGo {
  /** The storage holds none of them any more, and so none needs its packs. */
  readonly areGone: boolean;
  readonly removed: number;
}

/**
 * Deletes the commit objects of points that were let go from a secondary. `seen` is told of all that it lists.
 * Errors: StoreIoFailed.
 */
export async function removeLetGo(
  {
    db,
    vaultId,
    secondary,
    signal,
  }: {
    readonly db: Queries;
    readonly vaultId: string;
    readonly secondary: Backend;
    readonly signal: AbortSignal;
  },
  seen: (name: string) => void = () => {},
): Promise<LetGo> {
  let [areGone, removed] = [true, 0];
  for (const prefix of COMMIT_PREFIXES) {
    const names = [...(await listingOf(secondary, prefix)).keys()];
    for (const name of names) seen(name);
    for (const name of await deletedCommitNames(db, vaultId, names)) {
      signal.throwIfAborted();
      if (await removeObject(secondary, name)) removed++;
      else areGone = false;
    }
  }
  return { areGone, removed };
}

/** False: the storage keeps it. */
export const removeObject = async (backend: Backend, name: string): Promise<boolean> => {
  try {
    await backend.delete(name);
    return true;
  } catch (error) {
    if (isRefusedDeletion(error)) return false;
    throw error;
  }
};
