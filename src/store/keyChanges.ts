import { randomBytes } from 'node:crypto';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { keysName } from './format/names.ts';
import { damaged } from './format/seal.ts';
import { unwrapKeys, type VaultKeys, wrapKeys } from './format/vaultKeys.ts';
import { keysNumbers, newestKeys } from './keyring/keysObjects.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { openStore } from './store.ts';

/** Which keys object counts now. */
export interface KeyChange {
  readonly keysNumber: number;
  /** Of the keys that seal what is new. */
  readonly generation: number;
}

/**
 * Wraps the vault's secrets with another key-encryption key: one small object, no pack is touched. The older keys
 * objects stay until `forgetOldKeys`: whoever holds a copy of one and its key still opens the vault. A crash leaves
 * the vault to the old key or to the new one, never to none. Errors: those of `openStore`; Conflict (another change
 * at the same time); StoreLies.
 */
export const changeKey = (backend: Backend, from: KeyEncryptionKey, to: KeyEncryptionKey): Promise<KeyChange> =>
  addKeys(backend, from, to, (keys) => keys);

/**
 * From now on what is new is sealed with a fresh master key; what is there stays readable, and equal chunks are still
 * found equal. Errors: those of `changeKey`.
 */
export const newGeneration = (backend: Backend, kek: KeyEncryptionKey): Promise<KeyChange> =>
  addKeys(backend, kek, kek, (keys) => {
    const generation = keys.generations.at(-1)!.generation + 1;
    return { ...keys, generations: [...keys.generations, { generation, masterKey: randomBytes(32) }] };
  });

const addKeys = async (
  backend: Backend,
  from: KeyEncryptionKey,
  to: KeyEncryptionKey,
  change: (keys: VaultKeys) => VaultKeys,
): Promise<KeyChange> => {
  await openStore(backend, from);
  // numbered before it is read: a change by another in between takes this number, and so is never undone here
  const number = Math.max(...(await keysNumbers(backend))) + 1;
  const keys = change((await newestKeys(backend, from)).keys);
  const name = keysName(number);
  if ((await backend.put(name, wrapKeys(keys, to, number))) === 'exists') {
    throw new CodedError('Conflict', 'The keys were changed by another at this moment.', { target: name });
  }
  const read = unwrapKeys(name, await backend.get(name), to);
  if (canonicalJson(toCompare(read)) !== canonicalJson(toCompare(keys))) {
    throw new CodedError('StoreLies', `${name} holds other keys than were put there.`, { target: name });
  }
  return { keysNumber: number, generation: keys.generations.at(-1)!.generation };
};

const toCompare = ({ generations, idKey, signingKey, verifyKey }: VaultKeys): unknown =>
  [...generations.map(({ masterKey }) => masterKey), idKey, signingKey, verifyKey].map((bytes) =>
    Buffer.from(bytes).toString('base64'),
  );

/** What another process put meanwhile is newer than what a store was opened with. */
export const newestKeysNumber = async (backend: Backend): Promise<number> => (await keysNumbers(backend)).at(-1) ?? 0;

/**
 * Deletes every keys object but the newest, through `reaper`, after the newest was read back and opened the store.
 * What a lock still holds is named and left for a later call. Errors: those of `openStore`; StoreDataDamaged (the
 * newest is not whole: the older ones are needed).
 */
export const forgetOldKeys = async (
  backend: Backend,
  reaper: Backend,
  kek: KeyEncryptionKey,
): Promise<{ readonly kept: number; readonly forgotten: readonly number[]; readonly locked: readonly number[] }> => {
  await openStore(backend, kek);
  const { number: kept } = await newestKeys(backend, kek);
  const numbers = await keysNumbers(backend);
  for (const newer of numbers.filter((number) => number > kept)) await refuseDamaged(backend, newer, kek);
  const [forgotten, locked]: [number[], number[]] = [[], []];
  for (const number of numbers.filter((one) => one < kept)) {
    try {
      await reaper.delete(keysName(number));
      forgotten.push(number);
    } catch (error) {
      if (!isCoded(error, 'StoreObjectLocked')) throw error;
      locked.push(number);
    }
  }
  return { kept, forgotten, locked };
};

/** What opened is not the newest: that may be damaged, and then the older ones are needed; or another put it. */
const refuseDamaged = async (backend: Backend, number: number, kek: KeyEncryptionKey): Promise<void> => {
  try {
    unwrapKeys(keysName(number), await backend.get(keysName(number)), kek);
  } catch (error) {
    if (isCoded(error, 'StoreKeyWrong') || isCoded(error, 'StoreFormatUnknown')) return;
    if (!isCoded(error, 'StoreDataDamaged')) throw error;
    throw damaged(keysName(number), 'it is damaged, and the older keys objects are needed');
  }
};
