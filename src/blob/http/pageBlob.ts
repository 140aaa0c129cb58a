import { open, truncate } from 'node:fs/promises';
import { syncPath } from '../../lib/durableFile.ts';
import type { Blob } from '../blob.ts';
import { checkLength, receiveInto } from './body.ts';
import { checkWriteConditions } from './conditions.ts';
import {
  answer,
  answerXml,
  blobPlace,
  type Exchange,
  header,
  metadataOf,
  requireBlob,
  stampHeaders,
} from './exchange.ts';
import { pageRanges } from './readBlob.ts';
import { StorageError } from './storageError.ts';
import { contentHeaders } from './writeBlob.ts';
import { element, textElement } from './xml.ts';

const PAGE_BYTES = 512;
const MAX_WRITE_BYTES = 4 * 2 ** 20;
const MAX_BLOB_BYTES = 8 * 2 ** 40;
const ZEROS = new Uint8Array(1 << 20);

export async function putPageBlob(exchange: Exchange): Promise<void> {
  const place = blobPlace(exchange);
  const sizeBytes = pageAlignedSize(header(exchange, 'x-ms-blob-content-length'));
  checkLength(exchange.request.headers, 0);
  const details = { kind: 'PageBlob' as const, headers: contentHeaders(exchange), metadata: metadataOf(exchange) };
  await using draft = await exchange.store.draft(place.account, place.container, sizeBytes);
  const blob = await draft.commit(place, details, (current) => checkWriteConditions(exchange.request.headers, current));
  answer(exchange, 201, { ...stampHeaders(blob), 'x-ms-request-server-encrypted': 'false' });
}

/** Writes pages in place; they are durable when it answers. */
export async function putPage(exchange: Exchange): Promise<void> {
  const { request, store } = exchange;
  const blob = requirePageBlob(exchange);
  checkWriteConditions(request.headers, blob);
  const { start, length } = pageRange(exchange, blob.sizeBytes);
  const path = store.pathOf(blob);
  const mode = (header(exchange, 'x-ms-page-write') ?? '').toLowerCase();
  let md5: string | undefined;
  if (mode === 'update') {
    if (length > MAX_WRITE_BYTES || checkLength(request.headers, MAX_WRITE_BYTES) !== length)
      throw new StorageError('InvalidHeaderValue', 'Content-Length must be the length of the range, 4 MiB at most.');
    ({ md5 } = await receiveInto(exchange, path, start));
  } else if (mode === 'clear') {
    await clear(path, start, length);
  } else throw new StorageError('InvalidHeaderValue', "x-ms-page-write must be 'update' or 'clear'.");
  await syncPath(path);
  const { 'content-md5': _stale, ...headers } = blob.headers;
  const after = store.update(blob, { headers }) ?? blob;
  answer(exchange, 201, {
    ...stampHeaders(after),
    ...(md5 === undefined ? {} : { 'content-md5': md5 }),
    'x-ms-blob-sequence-number': '0',
  });
}

export async function getPageRanges(exchange: Exchange): Promise<void> {
  const { blob, ranges } = await pageRanges(exchange);
  exchange.response.setHeader('x-ms-blob-content-length', blob.sizeBytes);
  for (const [name, value] of Object.entries(stampHeaders(blob))) exchange.response.setHeader(name, String(value));
  const list = ranges.map(({ start, end }) =>
    element('PageRange', textElement('Start', start) + textElement('End', end)),
  );
  answerXml(exchange, element('PageList', list.join('')));
}

/** Set Blob Properties with a new size. */
export async function resizePageBlob(exchange: Exchange): Promise<void> {
  const blob = requirePageBlob(exchange);
  checkWriteConditions(exchange.request.headers, blob);
  const sizeBytes = pageAlignedSize(header(exchange, 'x-ms-blob-content-length'));
  await truncate(exchange.store.pathOf(blob), sizeBytes);
  await syncPath(exchange.store.pathOf(blob));
  answer(exchange, 200, stampHeaders(exchange.store.update(blob, { sizeBytes }) ?? blob));
}

function requirePageBlob(exchange: Exchange): Blob {
  const blob = requireBlob(exchange);
  if (blob.kind === 'PageBlob') return blob;
  throw new StorageError('InvalidBlobType', 'The blob type is invalid for this operation.');
}

function pageAlignedSize(text: string | undefined): number {
  if (text === undefined) throw new StorageError('MissingRequiredHeader', 'x-ms-blob-content-length is needed.');
  const sizeBytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (sizeBytes % PAGE_BYTES === 0 && sizeBytes <= MAX_BLOB_BYTES) return sizeBytes;
  throw new StorageError('InvalidHeaderValue', 'x-ms-blob-content-length must be a multiple of 512, 8 TiB at most.');
}

function pageRange(exchange: Exchange, sizeBytes: number): { readonly start: number; readonly length: number } {
  const text = header(exchange, 'x-ms-range') ?? header(exchange, 'range') ?? '';
  const [, first = '', last = ''] = /^bytes=(\d{1,16})-(\d{1,16})$/.exec(text) ?? [];
  const [start, length] = [Number(first), Number(last) - Number(first) + 1];
  if (
    first !== '' &&
    length > 0 &&
    start % PAGE_BYTES === 0 &&
    length % PAGE_BYTES === 0 &&
    start + length <= sizeBytes
  )
    return { start, length };
  throw new StorageError('InvalidPageRange', 'The page range must begin and end at multiples of 512 within the blob.');
}

async function clear(path: string, start: number, length: number): Promise<void> {
  await using file = await open(path, 'r+');
  for (let done = 0; done < length; done += ZEROS.length)
    await file.write(ZEROS, 0, Math.min(ZEROS.length, length - done), start + done);
}
