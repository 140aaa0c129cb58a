import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import { promisedSha256, sha256Of } from '../../store/objectHash.ts';

/** Whether bytes are what the object's name promises; a name that promises nothing takes any. */
const areGood = (name: string, bytes: Uint8Array): boolean => {
  const promised = promisedSha256(name);
  return promised === undefined || sha256Of(bytes) === promised;
};

/** Undefined: this copy has it not, or not with the right bytes. Errors: StoreIoFailed. */
export const goodBytesOf = async (backend: Backend, name: string): Promise<Uint8Array | undefined> => {
  try {
    const bytes = await backend.get(name);
    return areGood(name, bytes) ? bytes : undefined;
  } catch (error) {
    if (isCoded(error, 'StoreObjectMissing') || isCoded(error, 'StoreDataDamaged')) return undefined;
    throw error;
  }
};

/** Puts what was checked and reads it back. Errors: StoreLies, those of the backend. */
export const putGood = async (
  backend: Backend,
  name: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> => {
  await backend.put(name, bytes, signal);
  await requireSame(backend, name, bytes);
};

/** Errors: StoreLies, those of the backend. */
export const requireSame = async (backend: Backend, name: string, bytes: Uint8Array): Promise<void> => {
  const read = await backend.get(name);
  if (read.length === bytes.length && Buffer.compare(read, bytes) === 0) return;
  throw new CodedError('StoreLies', `'${name}' was put, and other bytes are read.`, {
    target: name,
    recommendations: ['Verify the store: a copy of this object is damaged.'],
  });
};

/** Locks a copy as long as the good one is; nothing where one of the two places knows no locks. Errors: StoreIoFailed. */
export const lockAs = async (good: Backend, copy: Backend, name: string): Promise<void> => {
  if (!good.lock || !copy.lock) return;
  try {
    const until = await good.lock.retainedUntil(name);
    if (until !== undefined) await copy.lock.extend(name, until);
  } catch (error) {
    // let go meanwhile: then it needs no lock
    if (!isCoded(error, 'StoreObjectMissing')) throw error;
  }
};
