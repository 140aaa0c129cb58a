import { canonicalJson } from '../lib/canonicalJson.ts';
import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { parseObject } from './format/jsonObject.ts';
import { gcName, ownerName, parseGcName, parseOwnerName } from './format/names.ts';
import { isRefusedDeletion } from './refusedDeletion.ts';

export { gcName } from './format/names.ts';

/** Which server decides about a store: the one whose claim has the highest number. */
export interface StoreClaim {
  readonly number: number;
  /** Random, made anew by each start of a server. */
  readonly instance: string;
  /** ms. */
  readonly since: number;
}

/** False when another claim has that number already. Errors: StoreFull, StoreIoFailed. */
export const putClaim = async (backend: Backend, { number, instance, since }: StoreClaim): Promise<boolean> =>
  (await backend.put(ownerName(number), Buffer.from(canonicalJson({ number, instance, since })))) === 'created';

/** The highest claim; undefined when no server ever made one. The instance is '' when its object is damaged. */
export const highestClaim = async (backend: Backend): Promise<StoreClaim | undefined> => {
  const number = await highest(backend, 'own/', parseOwnerName);
  return number === 0 ? undefined : readClaim(backend, number);
};

const readClaim = async (backend: Backend, number: number): Promise<StoreClaim> => {
  try {
    const { instance, since } = parseObject(ownerName(number), await backend.get(ownerName(number)));
    return { number, instance: String(instance), since: Number(since) };
  } catch (error) {
    // its name is what counts
    if (isCoded(error, 'StoreDataDamaged')) return { number, instance: '', since: 0 };
    throw error;
  }
};

/** Lets go of claims that are long overtaken; one that the storage holds stays. */
export const forgetClaims = async (reaper: Backend, below: number): Promise<void> => {
  for await (const { name } of reaper.list('own/')) {
    const number = parseOwnerName(name);
    if (number === undefined || number >= below) continue;
    try {
      await reaper.delete(name);
    } catch (error) {
      if (!isRefusedDeletion(error)) throw error;
    }
  }
};

export const hasGc = async (backend: Backend, gcSeq: number): Promise<boolean> =>
  (await backend.head(gcName(gcSeq))) !== undefined;

/** 0 when nothing was ever deleted. */
export const highestGc = (backend: Backend): Promise<number> => highest(backend, 'gc/', parseGcName);

const highest = async (
  backend: Backend,
  prefix: string,
  parse: (name: string) => number | undefined,
): Promise<number> => {
  let found = 0;
  for await (const { name } of backend.list(prefix)) found = Math.max(found, parse(name) ?? 0);
  return found;
};
