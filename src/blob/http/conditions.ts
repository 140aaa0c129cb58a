import type { IncomingHttpHeaders } from 'node:http';
import { StorageError } from './storageError.ts';

export interface Stamped {
  readonly etag: string;
  /** ms. */
  readonly modifiedAt: number;
}

/** The conditional headers of a read. Errors: ConditionNotMet, NotModified. */
export function checkReadConditions(headers: IncomingHttpHeaders, current: Stamped): void {
  checkMatch(headers, current);
  const seconds = Math.floor(current.modifiedAt / 1000);
  const none = headers['if-none-match'];
  if (none !== undefined ? isListed(none, current.etag) : seconds <= secondsOf(headers['if-modified-since'], -1))
    throw new StorageError('NotModified', 'The condition specified using HTTP conditional header(s) is not met.');
}

/** Those of a write; `current` absent: nothing is there. Errors: ConditionNotMet, BlobAlreadyExists. */
export function checkWriteConditions(headers: IncomingHttpHeaders, current: Stamped | undefined): void {
  const none = headers['if-none-match'];
  if (!current) {
    if (headers['if-match'] !== undefined) throw notMet();
    return;
  }
  if (none === '*') throw new StorageError('BlobAlreadyExists', 'The specified blob already exists.');
  checkMatch(headers, current);
  if (none !== undefined && isListed(none, current.etag)) throw notMet();
  if (Math.floor(current.modifiedAt / 1000) <= secondsOf(headers['if-modified-since'], -1)) throw notMet();
}

function checkMatch(headers: IncomingHttpHeaders, current: Stamped): void {
  const match = headers['if-match'];
  if (match !== undefined && !isListed(match, current.etag)) throw notMet();
  const seconds = Math.floor(current.modifiedAt / 1000);
  if (seconds > secondsOf(headers['if-unmodified-since'], Number.POSITIVE_INFINITY)) throw notMet();
}

const isListed = (list: string, etag: string): boolean =>
  list.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^"?(.*?)"?$/, '"$1"') === etag);

const secondsOf = (date: string | undefined, otherwise: number): number => {
  const ms = Date.parse(date ?? '');
  return Number.isNaN(ms) ? otherwise : Math.floor(ms / 1000);
};

const notMet = (): StorageError =>
  new StorageError('ConditionNotMet', 'The condition specified using HTTP conditional header(s) is not met.');
