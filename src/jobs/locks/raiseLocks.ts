import { isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { eachOf } from '../replicate/eachOf.ts';
import type { OpenVault } from '../vaultStores.ts';

/** Object names held in memory. */
const BATCH = 1000;

/**
 * Raises what is locked in governance mode to compliance, in every place, as who may delete: a special right that who
 * writes never has. In words why some places have not done it; empty: no governance lock is left.
 */
export async function raiseLocks(
  { reaper, secondary }: Pick<OpenVault, 'reaper' | 'secondary'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const places = [reaper, ...(secondary ? [secondary] : [])].flatMap((place) => place.copies ?? [place]);
  const problems: string[] = [];
  for (const place of places) {
    try {
      await raiseIn(place, signal);
    } catch (error) {
      if (!isCoded(error)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
}

async function raiseIn(place: Backend, signal: AbortSignal): Promise<void> {
  const { lock } = place;
  if (!lock?.raise) return;
  let batch: string[] = [];
  const flush = async () => {
    await eachOf(batch, (name) => unlessGone(lock.raise!(name)));
    batch = [];
  };
  for await (const { name } of place.list('')) {
    signal.throwIfAborted();
    if (batch.push(name) === BATCH) await flush();
  }
  await flush();
}

const unlessGone = (raising: Promise<void>): Promise<void> =>
  raising.catch((error: unknown) => {
    if (!isCoded(error, 'StoreObjectMissing')) throw error;
  });
