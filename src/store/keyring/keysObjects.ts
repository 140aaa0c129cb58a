import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../backend.ts';
import { keysName, parseKeysName } from '../format/names.ts';
import { damaged } from '../format/seal.ts';
import { areKeysOf, unwrapKeys, type VaultKeys } from '../format/vaultKeys.ts';
import type { KeyEncryptionKey } from '../keys.ts';
import { firstSound } from '../secondOpinion.ts';

/** A keys object as it was read and opened. */
export interface OpenKeys {
  readonly keys: VaultKeys;
  readonly number: number;
  /** The object itself. */
  readonly bytes: Uint8Array;
}

/**
 * The newest keys object that is whole counts; an older one only when all newer ones are damaged, or were not made by
 * this vault: whoever may put objects could lock everybody out else. Errors: StoreNotAVault, StoreKeyWrong,
 * StoreDataDamaged, StoreFormatUnknown.
 */
export const newestKeys = async (backend: Backend, kek: KeyEncryptionKey): Promise<OpenKeys> => {
  let firstDamage: unknown;
  let refusal: unknown;
  const strange: { readonly name: string; readonly bytes: Uint8Array; readonly error: unknown }[] = [];
  for (const number of (await keysNumbers(backend)).toReversed()) {
    const name = keysName(number);
    try {
      const open = async (copy: Backend) => {
        const bytes = await copy.get(name);
        return { keys: unwrapKeys(name, bytes, kek), number, bytes };
      };
      const opened = await firstSound(backend, name, open, () => damaged(name, 'it does not open'));
      const ours = strange.find((newer) => areKeysOf(newer.name, newer.bytes, opened.keys));
      if (!ours) return opened;
      refusal = ours.error;
      break;
    } catch (error) {
      if (isCoded(error, 'StoreKeyWrong') || isCoded(error, 'StoreFormatUnknown'))
        strange.push({ name, bytes: await backend.get(name), error });
      else if (!isCoded(error, 'StoreDataDamaged')) throw error;
      else firstDamage ??= error;
    }
  }
  const lost = new CodedError('StoreNotAVault', 'The store has lost its keys/ objects.', { target: 'keys/' });
  throw refusal ?? strange[0]?.error ?? firstDamage ?? lost;
};

/** Of the newest keys object that this vault made; others may put objects too, and theirs do not count. */
export const newestOwnNumber = async (
  backend: Backend,
  { keys, number }: Pick<OpenKeys, 'keys' | 'number'>,
): Promise<number> => {
  for (const newer of (await keysNumbers(backend)).toReversed()) {
    if (newer <= number) break;
    if (areKeysOf(keysName(newer), await backend.get(keysName(newer)), keys)) return newer;
  }
  return number;
};

/** Ascending. */
export const keysNumbers = async (backend: Backend): Promise<number[]> => {
  const numbers: number[] = [];
  for await (const { name } of backend.list('keys/')) {
    const number = parseKeysName(name);
    if (number !== undefined) numbers.push(number);
  }
  return numbers.sort((a, b) => a - b);
};
