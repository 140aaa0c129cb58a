import { hash } from 'node:crypto';
import type { Backend } from '../backend.ts';
import { damaged } from './seal.ts';

/**
 * An object whose name ends in its SHA-256, read once more when the first reading does not match.
 * Errors: StoreObjectMissing, StoreDataDamaged, StoreIoFailed.
 */
export const readNamed = async (backend: Backend, name: string): Promise<Uint8Array> => {
  for (let tries = 0; tries < 2; tries++) {
    const bytes = await backend.get(name);
    if (name.endsWith(`.${hash('sha256', bytes, 'hex')}`)) return bytes;
  }
  throw damaged(name, 'its bytes have another SHA-256 than its name');
};
