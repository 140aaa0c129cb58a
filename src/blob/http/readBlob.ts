import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Blob } from '../blob.ts';
import { openBlobFile } from '../blobStore.ts';
import { checkReadConditions } from './conditions.ts';
import { dataRanges } from './dataRanges.ts';
import {
  answer,
  type Exchange,
  header,
  httpDate,
  metadataHeaders,
  parameter,
  requireBlob,
  stampHeaders,
} from './exchange.ts';
import { StorageError } from './storageError.ts';

const RANGE_HASH_BYTES = 4 * 1024 * 1024;
const OVERRIDES = [
  ['rscc', 'cache-control'],
  ['rscd', 'content-disposition'],
  ['rsce', 'content-encoding'],
  ['rscl', 'content-language'],
  ['rsct', 'content-type'],
] as const;

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

export function headBlob(exchange: Exchange): void {
  const blob = requireBlob(exchange);
  checkReadConditions(exchange.request.headers, blob);
  answer(exchange, 200, { ...blobHeaders(exchange, blob), 'content-length': blob.sizeBytes });
}

/** Streams the bytes, or a range of them; a reader that is slow holds one piece in memory. */
export async function getBlob(exchange: Exchange): Promise<void> {
  const blob = requireBlob(exchange);
  checkReadConditions(exchange.request.headers, blob);
  const { response } = exchange;
  const range = rangeOf(exchange, blob.sizeBytes);
  const { start, end } = range ?? { start: 0, end: blob.sizeBytes - 1 };
  await using file = await openBlobFile(exchange.store, blob);
  const headers: OutgoingHttpHeaders = { ...blobHeaders(exchange, blob), 'content-length': end - start + 1 };
  if (range) {
    headers['content-range'] = `bytes ${start}-${end}/${blob.sizeBytes}`;
    if (blob.headers['content-md5'] !== undefined) headers['x-ms-blob-content-md5'] = blob.headers['content-md5'];
    delete headers['content-md5'];
    if (header(exchange, 'x-ms-range-get-content-md5') === 'true') {
      if (end - start >= RANGE_HASH_BYTES)
        throw new StorageError('OutOfRangeInput', 'x-ms-range-get-content-md5 goes with ranges of up to 4 MiB.');
      const bytes = new Uint8Array(end - start + 1);
      await file.read(bytes, 0, bytes.length, start);
      headers['content-md5'] = createHash('md5').update(bytes).digest('base64');
    }
  }
  response.writeHead(range ? 206 : 200, headers);
  if (end < start) return void response.end();
  await pipeline(file.createReadStream({ start, end, autoClose: false, highWaterMark: 1 << 18 }), response);
}

/** The ranges of a page blob that hold bytes other than zero, in whole pages. */
export async function pageRanges(
  exchange: Exchange,
): Promise<{ readonly blob: Blob; readonly ranges: readonly ByteRange[] }> {
  const blob = requireBlob(exchange);
  if (blob.kind !== 'PageBlob')
    throw new StorageError('InvalidBlobType', 'The blob type is invalid for this operation.');
  checkReadConditions(exchange.request.headers, blob);
  if (blob.sizeBytes === 0) return { blob, ranges: [] };
  const { start, end } = rangeOf(exchange, blob.sizeBytes) ?? { start: 0, end: blob.sizeBytes - 1 };
  await using file = await openBlobFile(exchange.store, blob);
  return { blob, ranges: await dataRanges(file, start - (start % 512), Math.ceil((end + 1) / 512) * 512) };
}

function blobHeaders(exchange: Exchange, blob: Blob): OutgoingHttpHeaders {
  const asked = OVERRIDES.flatMap(([name, target]) => {
    const value = parameter(exchange, name);
    return value === undefined || /[\r\n]/.test(value) ? [] : [[target, value]];
  });
  return {
    'content-type': 'application/octet-stream',
    ...blob.headers,
    ...(Object.fromEntries(asked) as OutgoingHttpHeaders),
    ...stampHeaders(blob),
    ...metadataHeaders(blob.metadata),
    'accept-ranges': 'bytes',
    'x-ms-blob-type': blob.kind,
    'x-ms-creation-time': httpDate(blob.createdAt),
    'x-ms-lease-status': 'unlocked',
    'x-ms-lease-state': 'available',
    'x-ms-server-encrypted': 'false',
    ...(blob.kind === 'PageBlob' ? { 'x-ms-blob-sequence-number': '0' } : {}),
    // what somebody uploaded is never run as a page of this host
    'content-security-policy': "sandbox; default-src 'none'",
  };
}

/** Errors: InvalidRange, InvalidHeaderValue. */
function rangeOf(exchange: Exchange, sizeBytes: number): ByteRange | undefined {
  const text = header(exchange, 'x-ms-range') ?? header(exchange, 'range');
  if (text === undefined) return undefined;
  const [, first, last = ''] = /^bytes=(\d{1,16})-(\d{0,16})$/.exec(text) ?? [];
  if (first === undefined) throw new StorageError('InvalidHeaderValue', "Range must be 'bytes=first-[last]'.");
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (start < sizeBytes && (last === '' || Number(last) >= start)) return { start, end };
  throw new StorageError('InvalidRange', 'The range specified is invalid for the current size of the resource.');
}
