import { hash } from 'node:crypto';
import { CodedError } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { openCodec } from './format/codec.ts';
import {
  type DirectoryEntry,
  directoryLength,
  directoryRoom,
  type PackDirectory,
  readDirectory,
  writeDirectory,
} from './format/directory.ts';
import { packName, packPrefix, parsePackName } from './format/names.ts';
import { encodeHeader, HEADER_BYTES } from './format/pack.ts';
import { damaged } from './format/seal.ts';
import type { StructKeys } from './keys.ts';
import type { PackRecord } from './packRecord.ts';

export interface CompactedPack extends PackRecord {
  /** As the name says. */
  readonly generation: number;
  /** Records that are in it; `slots` stays what it was, for slots keep their numbers. */
  readonly records: number;
}

/**
 * Puts the pack's next generation, without the records that `isLive` denies, and reads it back. Sealed records are
 * copied as they are: no data key is needed and no tree changes. Stopped anywhere, it leaves the old object as it was
 * and perhaps one more beside it, which does no harm. `name` is the pack's present object.
 * Errors: StoreDataDamaged (the present object is not what its name says), StoreObjectMissing, StoreLies (what was
 * put does not read back), StoreFull, StoreIoFailed.
 */
export const compactPack = async (
  backend: Backend,
  keys: StructKeys,
  pack: { readonly name: string; readonly slots: number },
  isLive: (slot: number) => boolean,
): Promise<CompactedPack> => {
  const { directory, bytes } = await readWhole(backend, keys, pack.name);
  const { header } = directory;
  const next = { ...header, generation: header.generation + 1 };
  const kept: DirectoryEntry[] = [];
  for (let index = 0; index < directory.slots; index++) {
    const entry = directory.at(index);
    if (isLive(entry.slot)) kept.push(entry);
  }
  const recordBytes = kept.reduce((sum, { length }) => sum + length, 0);
  const target = new Uint8Array(HEADER_BYTES + recordBytes + directoryRoom(kept.length));
  target.set(encodeHeader(next), 0);
  let end = HEADER_BYTES;
  const entries = kept.map((entry) => {
    target.set(bytes.subarray(entry.offset, entry.offset + entry.length), end);
    const moved = { ...entry, offset: end };
    end += entry.length;
    return moved;
  });
  end += writeDirectory(target, end, { keys, header: next, codec: openCodec() }, entries);
  const object = target.subarray(0, end);
  const name = packName(header.packId, next.generation, hash('sha256', object, 'hex'));
  await backend.put(name, object);
  await confirm(backend, keys, name, entries.length);
  const { packId, kind } = header;
  const { generation } = next;
  return { packId, name, kind, sizeBytes: end, slots: pack.slots, generation, records: entries.length };
};

/** What a pack's own directory says of it. Errors: StoreDataDamaged, StoreObjectMissing, StoreKeyWrong. */
export const inspectPack = async (
  backend: Backend,
  keys: StructKeys,
  name: string,
): Promise<CompactedPack & { readonly sizeBytes: number }> => {
  const { directory, bytes } = await readWhole(backend, keys, name);
  const { packId, kind, generation } = directory.header;
  const slots = directory.slots === 0 ? 0 : directory.at(directory.slots - 1).slot + 1;
  return { packId, name, kind, sizeBytes: bytes.length, slots, generation, records: directory.slots };
};

/** All objects of a pack: its generations, and what a stopped compaction left. */
export const packObjects = async (backend: Backend, packId: string): Promise<readonly string[]> => {
  const names: string[] = [];
  for await (const { name } of backend.list(packPrefix(packId))) if (parsePackName(name)) names.push(name);
  return names;
};

const readWhole = async (
  backend: Backend,
  keys: StructKeys,
  name: string,
): Promise<{ readonly directory: PackDirectory; readonly bytes: Uint8Array }> => {
  const parsed = parsePackName(name);
  if (!parsed) throw damaged(name, 'it is not named as a pack');
  const isWhole = (read: Uint8Array) => hash('sha256', read, 'hex') === parsed.sha256;
  const first = await backend.get(name);
  const bytes = isWhole(first) ? first : await backend.get(name);
  if (bytes !== first && !isWhole(bytes)) throw damaged(name, 'its bytes have another SHA-256 than its name');
  const needed = directoryLength(name, bytes);
  if (needed > bytes.length) throw damaged(name, 'it is shorter than its directory');
  const { packId } = parsed;
  const tail = bytes.subarray(bytes.length - needed);
  const directory = readDirectory({ name, packId, sizeBytes: bytes.length }, tail, keys, openCodec());
  if (directory.header.generation !== parsed.generation) throw damaged(name, 'its header names another generation');
  return { directory, bytes };
};

const confirm = async (backend: Backend, keys: StructKeys, name: string, records: number): Promise<void> => {
  try {
    const { directory } = await readWhole(backend, keys, name);
    if (directory.slots === records) return;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw lies(name, error);
  }
  throw lies(name);
};

const lies = (name: string, cause?: CodedError): CodedError =>
  new CodedError('StoreLies', `${name} was put, and what is read back is not what was put.`, {
    target: name,
    recommendations: ['Probe the storage; the pack stays as it was.'],
    ...(cause && { cause }),
  });
