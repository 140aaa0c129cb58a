import { isoTime } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import type { CheckpointBody } from './checkpointBody.ts';
import { parseCheckpointName } from './format/names.ts';
import type { Store } from './store.ts';

export type { CheckpointBody, CheckpointCommit } from './checkpointBody.ts';

/** The newest checkpoint that is whole; undefined when there is none. Errors: StoreIoFailed, StoreKeyWrong. */
export const newestCheckpoint = async (store: Store): Promise<CheckpointBody | undefined> => {
  let newest: CheckpointBody | undefined;
  for (const { name, cseq } of await checkpointNames(store)) {
    if (newest && newest.lastCseq > cseq) break;
    const body = await readCheckpoint(store, name);
    if (body && body.at >= (newest?.at ?? 0)) newest = body;
  }
  return newest;
};

/** Of the highest commit first. */
export const checkpointNames = async (
  store: Pick<Store, 'backend'>,
): Promise<readonly { readonly name: string; readonly cseq: number }[]> => {
  const found: { name: string; cseq: number }[] = [];
  for await (const { name } of store.backend.list('ck/')) {
    const cseq = parseCheckpointName(name)?.cseq;
    if (cseq !== undefined) found.push({ name, cseq });
  }
  return found.sort((a, b) => b.cseq - a.cseq || (a.name < b.name ? 1 : -1));
};

/**
 * Commit objects that the newest checkpoint lists, whose points were to be kept until after `now`, and that are gone:
 * let go early since that checkpoint, or removed by somebody. Errors: StoreIoFailed, StoreKeyWrong.
 */
export const removedCommits = async (
  store: Store,
  now: number,
): Promise<readonly { readonly object: string; readonly message: string }[]> => {
  const checkpoint = await newestCheckpoint(store);
  if (!checkpoint) return [];
  const present = new Set<string>();
  for await (const { name } of store.commits()) present.add(unhashed(name));
  return checkpoint.commits.flatMap(({ name, expiresAt }) => {
    if (present.has(unhashed(name)) || (expiresAt !== null && expiresAt <= now)) return [];
    const until = expiresAt === null ? 'no end' : isoTime(expiresAt);
    const message = `${name}: it was removed: the checkpoint of ${isoTime(checkpoint.at)} lists it, kept until ${until}.`;
    return [{ object: name, message }];
  });
};

/** A commit object that was lost and made anew has the same number and point, and other bytes. */
const unhashed = (name: string): string => name.replace(/\.[0-9a-f]{64}$/, '');

/** A damaged one never hides an older one that is whole. */
const readCheckpoint = async (store: Store, name: string): Promise<CheckpointBody | undefined> => {
  try {
    return await store.openCheckpoint(name);
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return undefined;
    throw error;
  }
};
