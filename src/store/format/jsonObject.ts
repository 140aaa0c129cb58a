import { CodedError } from '../../lib/error.ts';
import { damaged } from './seal.ts';

/** A JSON object of a store. Errors: StoreDataDamaged. */
export const parseObject = (name: string, bytes: Uint8Array): Record<string, unknown> => {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw new CodedError('StoreDataDamaged', `${name}: it is not JSON.`, { target: name, cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(name, 'it is no JSON object');
  return value as Record<string, unknown>;
};

export const unknownVersion = (name: string, version: unknown): CodedError =>
  new CodedError('StoreFormatUnknown', `${name} has format version ${String(version)}; this program reads version 1.`, {
    target: name,
    recommendations: ['Use a newer release of Strongroom.'],
  });
