import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { BlobAddress } from './address.ts';
import { StorageError } from './storageError.ts';

/** What a client signs of a request. */
export interface SignedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: BlobAddress;
}

const HEADER = /^SharedKey ([a-z0-9]{3,24}):([A-Za-z0-9+/]{43}=)$/;
const MAX_SKEW_MS = 15 * 60_000;
const STANDARD = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

/** Storage's "Authorize with Shared Key" for the Blob service, 2009-09-19 and later. Errors: AuthenticationFailed. */
export function checkSharedKey(request: SignedRequest, keys: readonly string[], now: number): void {
  const { headers, address } = request;
  const [, account, signature = ''] = HEADER.exec(headers.authorization ?? '') ?? [];
  if (account !== address.account) throw failed('The Authorization header is malformed or names another account.');
  checkDate(headers, now);
  const text = stringToSign(request);
  if (!isSignedBy(text, signature, keys)) throw failed('The MAC signature does not fit the request.');
}

/** `signature`: base64 of an HMAC-SHA256 by one of the keys, which are base64 too. */
export function isSignedBy(text: string, signature: string, keys: readonly string[]): boolean {
  const given = Buffer.from(signature, 'base64');
  const fits = keys.map((key) => {
    const own = createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest();
    return given.length === own.length && timingSafeEqual(given, own);
  });
  return fits.includes(true);
}

export const failed = (detail: string): StorageError =>
  new StorageError(
    'AuthenticationFailed',
    `Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature. ${detail}`,
  );

function checkDate(headers: IncomingHttpHeaders, now: number): void {
  const date = Date.parse(String(headers['x-ms-date'] ?? headers.date ?? ''));
  if (Math.abs(now - date) <= MAX_SKEW_MS) return;
  throw failed('The request needs an x-ms-date of the last 15 minutes.');
}

function stringToSign({ method, headers, address }: SignedRequest): string {
  const standard = STANDARD.map((name) => {
    if (name === 'date' && headers['x-ms-date'] !== undefined) return '';
    const value = String(headers[name] ?? '');
    return name === 'content-length' && value === '0' ? '' : value;
  });
  return [method, ...standard, ...canonicalHeaders(headers), canonicalResource(address)].join('\n');
}

const canonicalHeaders = (headers: IncomingHttpHeaders): string[] =>
  Object.keys(headers)
    .filter((name) => name.startsWith('x-ms-'))
    .sort()
    .map((name) => `${name}:${String(headers[name]).replace(/\s+/g, ' ').trim()}`);

function canonicalResource({ account, rawPath, query }: BlobAddress): string {
  const parameters = [...query.keys()].sort().map((name) => `\n${name}:${[...query.get(name)!].sort().join(',')}`);
  return `/${account}${rawPath}${parameters.join('')}`;
}
