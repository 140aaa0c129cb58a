import { type CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';

/** A read that gave no sound bytes, though another one of the same object did. */
export interface BadRead {
  /** The object's name. */
  readonly object: string;
  readonly why: string;
}

export type OnBadRead = (bad: BadRead) => void;

/** Each copy by itself, nearest first; the store as a whole where there is one only. */
export const copiesOf = (backend: Backend): readonly Backend[] =>
  backend.copies && backend.copies.length > 0 ? backend.copies : [backend];

/**
 * Asks one copy after the other, and then all of them again, until one gives what `attempt` accepts; undefined is a
 * refusal. Only what two reads refused is damage: a store, or the line to it, may err once. Errors: those of
 * `attempt`; a copy that could not be asked outweighs damage of the others, for it may be the good one.
 */
export const firstSound = async <Result>(
  backend: Backend,
  object: string,
  attempt: (copy: Backend) => Promise<Result | undefined>,
  refused: () => CodedError,
  onBadRead?: OnBadRead,
): Promise<Result> => {
  const copies = copiesOf(backend);
  let first: CodedError | undefined;
  let unreachable: CodedError | undefined;
  for (const copy of [...copies, ...copies]) {
    try {
      const result = await attempt(copy);
      if (result !== undefined) {
        if (first ?? unreachable) onBadRead?.({ object, why: (first ?? unreachable)!.message });
        return result;
      }
      first = first && !isCoded(first, 'StoreObjectMissing') ? first : refused();
    } catch (error) {
      if (isCoded(error, 'StoreDataDamaged')) first = isCoded(first, 'StoreDataDamaged') ? first : error;
      else if (isCoded(error, 'StoreObjectMissing')) first ??= error;
      else if (isCoded(error, 'StoreIoFailed') || isCoded(error, 'StoreQuorumMissing')) unreachable ??= error;
      else throw error;
    }
  }
  throw unreachable ?? first!;
};
