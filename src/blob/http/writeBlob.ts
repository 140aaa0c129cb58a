import type { BlobPart } from '../blob.ts';
import { checkLength, receiveBytes, receiveInto } from './body.ts';
import { checkWriteConditions } from './conditions.ts';
import {
  answer,
  answerXml,
  blobNotFound,
  blobPlace,
  type Exchange,
  header,
  metadataOf,
  parameter,
  requireBlob,
  stampHeaders,
} from './exchange.ts';
import { StorageError } from './storageError.ts';
import { element, parseBlockList, textElement } from './xml.ts';

const MAX_BLOB_BYTES = 5000 * 2 ** 20;
const MAX_BLOCK_BYTES = 4000 * 2 ** 20;
const MAX_LIST_BYTES = 8 * 2 ** 20;
const MAX_BLOCKS = 50_000;
const CONTENT_HEADERS = [
  'cache-control',
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'content-md5',
] as const;

export async function putBlockBlob(exchange: Exchange): Promise<void> {
  const place = blobPlace(exchange);
  const { request, store } = exchange;
  checkLength(request.headers, MAX_BLOB_BYTES);
  const check = (current: Parameters<typeof checkWriteConditions>[1]) => checkWriteConditions(request.headers, current);
  check(store.blob(place));
  await using draft = await store.draft(place.account, place.container, 0);
  const { md5 } = await receiveInto(exchange, draft.path);
  const given = header(exchange, 'x-ms-blob-content-md5');
  if (given !== undefined && given !== md5)
    throw new StorageError('Md5Mismatch', 'x-ms-blob-content-md5 is not the MD5 of the request body.');
  const headers = { ...contentHeaders(exchange), 'content-md5': md5 };
  const blob = await draft.commit(place, { kind: 'BlockBlob', headers, metadata: metadataOf(exchange) }, check);
  answer(exchange, 201, { ...stampHeaders(blob), 'content-md5': md5, 'x-ms-request-server-encrypted': 'false' });
}

export async function putBlock(exchange: Exchange): Promise<void> {
  const place = blobPlace(exchange);
  const { request, store } = exchange;
  const id = parameter(exchange, 'blockid') ?? '';
  if (!/^[A-Za-z0-9+/]{1,88}={0,2}$/.test(id) || Buffer.from(id, 'base64').length > 64)
    throw new StorageError('InvalidBlockId', 'The block ID must be base64 of 1 to 64 bytes.');
  checkLength(request.headers, MAX_BLOCK_BYTES);
  if (store.stagedBlocks(place).length >= 2 * MAX_BLOCKS)
    throw new StorageError('InvalidBlockList', `A blob has at most ${2 * MAX_BLOCKS} blocks that are not committed.`);
  await using draft = await store.draft(place.account, place.container, 0);
  const { md5 } = await receiveInto(exchange, draft.path);
  await draft.commitBlock(place, id);
  answer(exchange, 201, { 'content-md5': md5, 'x-ms-request-server-encrypted': 'false' });
}

export async function putBlockList(exchange: Exchange): Promise<void> {
  const place = blobPlace(exchange);
  const { request, store } = exchange;
  checkLength(request.headers, MAX_LIST_BYTES);
  const wanted = parseBlockList(new TextDecoder().decode(await receiveBytes(exchange)));
  if (wanted.length > MAX_BLOCKS)
    throw new StorageError('InvalidBlockList', `A blob has at most ${MAX_BLOCKS} blocks.`);
  const current = store.blob(place);
  checkWriteConditions(request.headers, current);
  const staged = new Map(store.stagedBlocks(place).map((block) => [block.id, { ...block, offset: 0 }]));
  const committed = new Map(committedParts(current?.parts ?? [], current?.file ?? ''));
  const parts = wanted.map(({ from, id }) => {
    const part =
      (from === 'Committed' ? undefined : staged.get(id)) ?? (from === 'Uncommitted' ? undefined : committed.get(id));
    if (part) return part;
    throw new StorageError(
      'InvalidBlockList',
      'The specified block list is invalid: it names a block that was not put.',
    );
  });
  // the Content-Type of this request is that of the list
  const details = { headers: contentHeaders(exchange, false), metadata: metadataOf(exchange) };
  const blob = await store.commitParts(place, parts, details, (now) => {
    checkWriteConditions(request.headers, now);
    // its committed blocks lay in the file that was there
    if (now?.etag !== current?.etag && parts.some(({ file }) => file === current?.file))
      throw new StorageError('InvalidBlockList', 'The blob was replaced meanwhile.');
  });
  answer(exchange, 201, { ...stampHeaders(blob), 'x-ms-request-server-encrypted': 'false' });
}

export function getBlockList(exchange: Exchange): void {
  const place = blobPlace(exchange);
  const kind = parameter(exchange, 'blocklisttype') ?? 'committed';
  const blob = exchange.store.blob(place);
  const staged = exchange.store.stagedBlocks(place);
  if (!blob && staged.length === 0) throw blobNotFound();
  const listOf = (name: string, parts: readonly BlobPart[]) =>
    element(
      name,
      parts
        .map(({ id, sizeBytes }) => element('Block', textElement('Name', id) + textElement('Size', sizeBytes)))
        .join(''),
    );
  const committed = kind === 'uncommitted' ? '' : listOf('CommittedBlocks', blob?.parts ?? []);
  const uncommitted = kind === 'committed' ? '' : listOf('UncommittedBlocks', staged);
  answerXml(exchange, `<BlockList>${committed}${uncommitted}</BlockList>`);
}

export function setBlobMetadata(exchange: Exchange): void {
  change(exchange, { metadata: metadataOf(exchange) });
}

export function setBlobProperties(exchange: Exchange): void {
  change(exchange, { headers: contentHeaders(exchange, false) });
}

export async function deleteBlob(exchange: Exchange): Promise<void> {
  const place = blobPlace(exchange);
  const blob = await exchange.store.deleteBlob(place, (current) => {
    if (!current) throw blobNotFound();
    checkWriteConditions(exchange.request.headers, current);
  });
  if (!blob) throw blobNotFound();
  answer(exchange, 202, { 'x-ms-delete-type-permanent': 'true' });
}

/** Sent as `x-ms-blob-content-type` and so on; a plain Content-Type is the body's own and counts when it is all there is. */
export function contentHeaders(exchange: Exchange, withPlain = true): Readonly<Record<string, string>> {
  const found = CONTENT_HEADERS.flatMap((name) => {
    const plain = withPlain && name !== 'content-md5' ? header(exchange, name) : undefined;
    const value = header(exchange, `x-ms-blob-${name}`) ?? plain;
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(found) as Record<string, string>;
}

function change(
  exchange: Exchange,
  to: { metadata?: Readonly<Record<string, string>>; headers?: Readonly<Record<string, string>> },
): void {
  requireBlob(exchange);
  const after = exchange.store.update(blobPlace(exchange), to, (current) =>
    checkWriteConditions(exchange.request.headers, current),
  );
  if (!after) throw blobNotFound();
  answer(exchange, 200, stampHeaders(after));
}

function committedParts(parts: readonly BlobPart[], file: string) {
  let offset = 0;
  return parts.map((part) => {
    const placed = { ...part, file, offset };
    offset += part.sizeBytes;
    return [part.id, placed] as const;
  });
}
