import { CodedError } from '../../lib/error.ts';
import type { ObjectRange } from '../backend.ts';

export const objectMissing = (name: string): CodedError =>
  new CodedError('StoreObjectMissing', `'${name}' is not in the store.`, { target: name });

export const rangeOutside = (name: string, range: ObjectRange): CodedError =>
  new CodedError(
    'StoreDataDamaged',
    `'${name}' has no bytes from ${range.offset} to ${range.offset + range.length}: it is shorter than it should be.`,
    { target: name },
  );
