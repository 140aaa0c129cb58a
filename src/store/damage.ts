import type { CodedError } from '../lib/error.ts';

export interface Damage {
  /** The object at fault. */
  readonly object: string;
  readonly message: string;
  /** Present when a disk of a point is touched: the bytes that cannot be read. */
  readonly pointId?: string;
  readonly lun?: number;
  readonly offset?: number;
  readonly length?: number;
}

export const damageOf = (error: CodedError, object = 'unknown'): Damage => ({
  object: error.target ?? object,
  message: error.message,
});

/** As `damageOf`, with the range of the disk that a DiskReader's error names. */
export const rangeDamageOf = (error: CodedError): Damage => {
  const [, offset, length] = /^(\d+)\+(\d+)$/.exec(error.details[0]?.target ?? '') ?? [];
  const range = offset === undefined ? {} : { offset: Number(offset), length: Number(length) };
  return { ...damageOf(error), ...range };
};
