import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { examineObject, type ObjectDamage } from './scrub.ts';

/** A place that holds the store, opened by who may delete from it. */
export interface RepairPlace {
  readonly backend: Backend;
  /** Filled afterwards: an object that it lacks is on its way, not lost. */
  readonly isSecondary: boolean;
}

/** How an object stands in all places after it was examined and what could be mended was mended. */
export interface ObjectReport {
  readonly object: string;
  /** `damaged`: every place but the secondary answered, and none has it sound. `unknown`: a place did not answer. */
  readonly verdict: 'sound' | 'damaged' | 'unknown';
  readonly damages: readonly ObjectDamage[];
  /** Places to which good bytes were put. */
  readonly repaired: number;
  /** Bad reads that a second one did not confirm. */
  readonly secondReads: number;
  readonly readBytes: number;
  /** Why a place could not be examined or mended, in words: the next run tries again. */
  readonly waiting: readonly string[];
}

/**
 * Examines an object in every place and replaces bad or missing copies from a good one. The good bytes are at hand
 * before a bad copy is deleted; they are read back after the put. `isSound` is asked of bytes that are as the name
 * says. Safe to repeat after a crash at any step.
 */
export const scrubAndRepair = async (
  places: readonly RepairPlace[],
  object: string,
  isSound: (bytes: Uint8Array) => boolean = () => true,
): Promise<ObjectReport> => {
  const found = await examineAll(places, object, isSound);
  const { good, bad, waiting } = found;
  let repaired = 0;
  for (const { place, damage } of good ? bad : []) {
    const why = await replace(place, damage, good!, isSound);
    if (why === undefined) repaired++;
    else waiting.push(why);
  }
  const damages = bad.map(({ damage }) => damage);
  const verdict = good ? 'sound' : found.primaryUnknown ? 'unknown' : 'damaged';
  const { secondReads, readBytes } = found;
  return { object, verdict, damages, repaired, secondReads, readBytes, waiting };
};

const examineAll = async (places: readonly RepairPlace[], object: string, isSound: (bytes: Uint8Array) => boolean) => {
  const bad: { readonly place: Backend; readonly damage: ObjectDamage }[] = [];
  const waiting: string[] = [];
  let good: Uint8Array | undefined;
  let primaryUnknown = false;
  let secondReads = 0;
  let readBytes = 0;
  for (const { backend, isSecondary } of places) {
    try {
      const { verdict, bytes, erredOnce } = await examineObject(backend, object);
      if (erredOnce) secondReads++;
      readBytes += bytes?.length ?? 0;
      if (verdict === 'sound' && isSound(bytes!)) good ??= bytes;
      else if (verdict === 'sound') {
        const message = `${object}: it was not sealed with the keys of this vault.`;
        bad.push({ place: backend, damage: { object, kind: 'spoilt', message } });
      } else if (!(isSecondary && verdict.kind === 'missing')) bad.push({ place: backend, damage: verdict });
    } catch (error) {
      if (!isCoded(error, 'StoreIoFailed') && !isCoded(error, 'StoreQuorumMissing')) throw error;
      if (!isSecondary) primaryUnknown = true;
      waiting.push(`${object}: a place does not answer: ${error.message}`);
    }
  }
  return { good, bad, waiting, primaryUnknown, secondReads, readBytes };
};

/** Undefined: it is mended; otherwise why it is not. */
const replace = async (
  place: Backend,
  { object, kind }: ObjectDamage,
  good: Uint8Array,
  isSound: (bytes: Uint8Array) => boolean,
): Promise<string | undefined> => {
  try {
    if (kind !== 'missing') await place.delete(object);
    await place.put(object, good);
    const { verdict, bytes } = await examineObject(place, object);
    if (verdict === 'sound' && isSound(bytes!)) return undefined;
    return `${object}: the good bytes were put, and other ones are read back.`;
  } catch (error) {
    const passing = ['StoreObjectLocked', 'StoreIoFailed', 'StoreFull', 'StoreQuorumMissing'] as const;
    if (isCoded(error) && passing.some((code) => error.code === code)) return error.message;
    throw error;
  }
};
