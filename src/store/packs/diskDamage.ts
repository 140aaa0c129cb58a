import { CodedError, isCoded } from '../../lib/error.ts';
import type { DiskRoot } from '../tree.ts';

/** Takes the error of a range that cannot be read, so that the rest still is. */
export type OnDamage = (error: CodedError) => void;

/** Undefined: it was damage, and was reported. */
export const orReport = async <Result>(
  onDamage: OnDamage | undefined,
  work: () => Promise<Result>,
): Promise<Result | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (!onDamage || !isDamage(error)) throw error;
    onDamage(error);
    return undefined;
  }
};

const isDamage = (error: unknown): error is CodedError =>
  isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing');

/** Says which part of the disk an object's damage hides. */
export const naming = async <Result>(
  root: DiskRoot,
  offset: number,
  span: number,
  work: () => Promise<Result>,
): Promise<Result> => {
  try {
    return await work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    const length = Math.min(span, root.sizeBytes - offset);
    const message = `Bytes ${offset} to ${offset + length - 1} of the disk cannot be read. ${error.message}`;
    throw new CodedError(error.code, message, {
      ...(error.target !== undefined && { target: error.target }),
      details: [{ code: error.code, message: error.message, target: `${offset}+${length}` }],
      recommendations: error.recommendations,
      cause: error,
    });
  }
};
