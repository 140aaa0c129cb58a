import { CodedError } from '../lib/error.ts';

/** One page of a list; `next` is handed back as `after` to go on. */
export interface Page<T> {
  readonly values: readonly T[];
  readonly next?: string;
}

export interface PageRequest {
  /** Rows at most; 200 when absent. */
  readonly limit?: number;
  /** `next` of the page before. Errors: InvalidSkipToken. */
  readonly after?: string;
}

/** Where a page ended: the sorted-by time and the row's id. */
export interface Keyset {
  readonly time: number;
  readonly id: string;
}

export const DEFAULT_PAGE_SIZE = 200;

export const encodeKeyset = (key: Keyset): string =>
  Buffer.from(JSON.stringify([key.time, key.id])).toString('base64url');

/** Errors: InvalidSkipToken. */
export const decodeKeyset = (token: string): Keyset => {
  const [time, id] = parse(token);
  if (typeof time === 'number' && typeof id === 'string') return { time, id };
  throw new CodedError('InvalidSkipToken', '$skipToken must be the token of the nextLink of the page before.', {
    target: '$skipToken',
  });
};

/** Cuts the one row fetched beyond the limit and tells where to go on. */
export const pageOf = <T>(rows: readonly T[], limit: number, keyOf: (row: T) => Keyset): Page<T> => {
  const values = rows.slice(0, limit);
  const last = values.at(-1);
  return rows.length > limit && last !== undefined ? { values, next: encodeKeyset(keyOf(last)) } : { values };
};

const parse = (token: string): readonly unknown[] => {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return []; // the caller answers a malformed token with InvalidSkipToken
  }
};
