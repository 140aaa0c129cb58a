import { createHash, type Hash, hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { isoTime } from '../lib/clock.ts';
import { syncPath } from '../lib/durableFile.ts';
import type { Backend } from './backend.ts';
import { parseObject, unknownVersion } from './format/jsonObject.ts';
import { databaseCopyName, parseDatabaseCopyName } from './format/names.ts';
import { readNamed } from './format/readNamed.ts';
import { damaged } from './format/seal.ts';
import type { Store } from './store.ts';

/** A copy of the control plane's database in a store; docs/store-format.md, "Copy of the database". */
export interface DatabaseCopy {
  /** The object that ends it; only with it the copy exists. */
  readonly name: string;
  /** ms, to the second. */
  readonly takenAt: number;
  /** Objects put before the last one. */
  readonly parts: readonly string[];
}

export interface DatabaseManifest {
  readonly takenAt: number;
  /** Bytes of the database file, and their SHA-256 in hex. */
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly parts: readonly string[];
}

const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Puts a database file, compressed and sealed, in pieces of 16 MiB; the last piece with the manifest ends it.
 * Errors: StoreFull, StoreIoFailed.
 */
export const putDatabaseCopy = async (
  store: Store,
  file: string,
  takenAt: number,
  signal?: AbortSignal,
): Promise<DatabaseCopy & { readonly storedBytes: number }> => {
  const time = timeOf(takenAt);
  const parts: string[] = [];
  let storedBytes = 0;
  const put = async (part: number | undefined, plain: Uint8Array): Promise<string> => {
    const bytes = store.databaseSeal.seal({ time, part: part ?? 0 }, plain);
    const sha256 = hash('sha256', bytes, 'hex');
    const name = databaseCopyName({ time, sha256, ...(part !== undefined && { part }) });
    await store.backend.put(name, bytes, signal);
    storedBytes += bytes.length;
    return name;
  };
  const plain = new Measure();
  let last: Uint8Array = new Uint8Array(0);
  for await (const { piece, isLast } of piecesOf(compressed(file, plain, signal))) {
    if (isLast) last = piece;
    else parts.push(await put(parts.length + 1, piece));
  }
  const manifest = {
    format: 'strongroom database',
    version: 1,
    takenAt: Math.floor(takenAt / 1000) * 1000,
    sizeBytes: plain.sizeBytes,
    sha256: plain.sha256(),
    parts,
  };
  const head = Buffer.from(canonicalJson(manifest));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  const name = await put(undefined, Buffer.concat([length, head, last]));
  return { name, takenAt: manifest.takenAt, parts, storedBytes };
};

/**
 * Writes the database file of a copy to `target`, replacing it; durable when it resolves.
 * Errors: StoreObjectMissing, StoreDataDamaged, StoreKeyWrong, StoreFormatUnknown, StoreIoFailed.
 */
export const openDatabaseCopy = async (
  store: Store,
  name: string,
  target: string,
  signal?: AbortSignal,
): Promise<DatabaseManifest> => {
  const time = parseDatabaseCopyName(name)?.time;
  if (time === undefined) throw damaged(name, 'it is not named as a copy of a database');
  const open = async (object: string, part: number) =>
    store.databaseSeal.open(object, { time, part }, await readNamed(store.backend, object));
  const { manifest, last } = parseEnd(name, await open(name, 0));
  async function* packed(): AsyncGenerator<Uint8Array> {
    for (const [index, part] of manifest.parts.entries()) {
      signal?.throwIfAborted();
      yield await open(part, index + 1);
    }
    yield last;
  }
  const plain = new Measure();
  const within = (bytes: number): void => {
    if (bytes > manifest.sizeBytes) throw damaged(name, 'it holds more than its manifest says');
  };
  const write = createWriteStream(target, { mode: 0o600 });
  await pipeline(Readable.from(packed()), createZstdDecompress(), (bytes) => plain.of(bytes, within), write).catch(
    (error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      throw code?.startsWith('ZSTD_') ? damaged(name, 'what its seals hold cannot be decompressed') : error;
    },
  );
  if (plain.sizeBytes !== manifest.sizeBytes || plain.sha256() !== manifest.sha256)
    throw damaged(name, 'the database in it is not the one that was copied');
  await syncPath(target);
  return manifest;
};

/** Newest first. `strays`: pieces whose copy was never ended. */
export const listDatabaseCopies = async (
  backend: Backend,
): Promise<{ readonly copies: readonly DatabaseCopy[]; readonly strays: readonly DatabaseCopy[] }> => {
  const ends: { name: string; takenAt: number }[] = [];
  const parts = new Map<number, string[]>();
  for await (const { name } of backend.list('db/')) {
    const parsed = parseDatabaseCopyName(name);
    if (!parsed) continue;
    const takenAt = timeFrom(parsed.time);
    if (parsed.part === undefined) ends.push({ name, takenAt });
    else parts.set(takenAt, [...(parts.get(takenAt) ?? []), name]);
  }
  const copies = ends
    .map((end) => ({ ...end, parts: parts.get(end.takenAt) ?? [] }))
    .sort((a, b) => b.takenAt - a.takenAt || (a.name < b.name ? 1 : -1));
  const ended = new Set(ends.map(({ takenAt }) => takenAt));
  const strays = [...parts]
    .filter(([takenAt]) => !ended.has(takenAt))
    .map(([takenAt, names]) => ({ name: names[0]!, takenAt, parts: names }));
  return { copies, strays };
};

/** Counts and hashes what flows by. */
class Measure {
  sizeBytes = 0;
  readonly #hash: Hash = createHash('sha256');

  async *of(source: AsyncIterable<Uint8Array>, check: (bytes: number) => void = () => {}): AsyncGenerator<Uint8Array> {
    for await (const bytes of source) {
      this.sizeBytes += bytes.length;
      check(this.sizeBytes);
      this.#hash.update(bytes);
      yield bytes;
    }
  }

  /** Once only. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}

async function* compressed(file: string, plain: Measure, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const zstd = createZstdCompress();
  const feeding = pipeline(createReadStream(file), (bytes) => plain.of(bytes), zstd, { ...(signal && { signal }) });
  feeding.catch(() => {}); // the reader of `zstd` is told
  for await (const bytes of zstd) yield bytes as Uint8Array;
  await feeding;
}

/** Cuts what comes into pieces of 16 MiB; the last one, which may be empty, is known as such. */
async function* piecesOf(source: AsyncIterable<Uint8Array>) {
  const room = Buffer.alloc(PIECE_BYTES);
  let filled = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      if (filled === PIECE_BYTES) {
        yield { piece: new Uint8Array(room), isLast: false };
        filled = 0;
      }
      const count = Math.min(PIECE_BYTES - filled, bytes.length - at);
      room.set(bytes.subarray(at, at + count), filled);
      filled += count;
      at += count;
    }
  }
  yield { piece: new Uint8Array(room.subarray(0, filled)), isLast: true };
}

const parseEnd = (
  name: string,
  plain: Uint8Array,
): { readonly manifest: DatabaseManifest; readonly last: Uint8Array } => {
  const view = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  const length = view.length < 4 ? -1 : view.readUInt32LE(0);
  if (length < 0 || 4 + length > view.length) throw damaged(name, 'its manifest is cut off');
  const manifest = parseObject(name, view.subarray(4, 4 + length));
  if (manifest.format !== 'strongroom database') throw damaged(name, 'it does not describe a database');
  if (manifest.version !== 1) throw unknownVersion(name, manifest.version);
  return { manifest: manifest as unknown as DatabaseManifest, last: view.subarray(4 + length) };
};

const timeOf = (ms: number): string => isoTime(ms).replace(/[-:]|\.\d{3}/g, '');

const timeFrom = (time: string): number =>
  Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
