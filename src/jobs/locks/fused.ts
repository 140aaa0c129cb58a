import { isCoded } from '../../lib/error.ts';
import type { Backend, ObjectLock } from '../../store/backend.ts';

/** The locks of a place that is not asked again once it did not answer: each call might wait its whole time. */
export const fused = ({ lock }: Pick<Backend, 'lock'>): Pick<Backend, 'lock'> => {
  if (!lock) return {};
  let failure: unknown;
  const unlessFailed = async <T>(call: (lock: ObjectLock) => Promise<T>): Promise<T> => {
    if (failure !== undefined) throw failure;
    try {
      return await call(lock);
    } catch (error) {
      if (isCoded(error, 'StoreIoFailed')) failure = error;
      throw error;
    }
  };
  return {
    lock: {
      retainedUntil: (name) => unlessFailed((one) => one.retainedUntil(name)),
      extend: (name, until) => unlessFailed((one) => one.extend(name, until)),
    },
  };
};
