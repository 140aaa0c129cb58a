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

/** Where a page ended, of a list in the order of names. */
export const encodeNames = (names: readonly string[]): string =>
  Buffer.from(JSON.stringify(names)).toString('base64url');

/** As many names as were encoded. Errors: InvalidSkipToken. */
export const decodeNames = (token: string, count: number): readonly string[] => {
  const names = parse(token);
  if (names.length === count && names.every((name) => typeof name === 'string')) return names;
  throw invalidToken();
};

/** Errors: InvalidSkipToken. */
export const decodeKeyset = (token: string): Keyset => {
  const [time, id] = parse(token);
  if (typeof time === 'number' && typeof id === 'string') return { time, id };
  throw invalidToken();
};

/** Cuts the one row fetched beyond the limit and tells where to go on: `tokenOf` the last row. */
export const cutPage = <T>(rows: readonly T[], limit: number, tokenOf: (row: T) => string): Page<T> => {
  const values = rows.slice(0, limit);
  const last = values.at(-1);
  return rows.length > limit && last !== undefined ? { values, next: tokenOf(last) } : { values };
};

/** As `cutPage`, of a list in the order of time. */
export const pageOf = <T>(rows: readonly T[], limit: number, keyOf: (row: T) => Keyset): Page<T> =>
  cutPage(rows, limit, (row) => encodeKeyset(keyOf(row)));

const invalidToken = (): CodedError =>
  new CodedError('InvalidSkipToken', '$skipToken must be the token of the nextLink of the page before.', {
    target: '$skipToken',
  });

const parse = (token: string): readonly unknown[] => {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return []; // the caller answers a malformed token with InvalidSkipToken
  }
};
