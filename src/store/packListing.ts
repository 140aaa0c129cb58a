import { isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { type Codec, openCodec } from './format/codec.ts';
import { directoryLength, type PackDirectory, readDirectory, TAIL_BYTES } from './format/directory.ts';
import { parsePackName } from './format/names.ts';
import { damaged } from './format/seal.ts';
import type { StructKeys } from './keys.ts';
import type { PackRecord } from './packRecord.ts';

export interface ListedPack {
  /** 32 hex digits. */
  readonly packId: string;
  /** Its objects, highest generation first. */
  readonly objects: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** The 256 folders of packs, in order: one is listed at a time. */
export const PACK_FOLDERS: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** The packs of one folder, by id. */
export const listPackFolder = async (backend: Backend, folder: string): Promise<ReadonlyMap<string, ListedPack>> => {
  const found = new Map<string, { name: string; sizeBytes: number; generation: number }[]>();
  for await (const { name, sizeBytes } of backend.list(`p/${folder}/`)) {
    const parsed = parsePackName(name);
    if (!parsed) continue;
    const objects = found.get(parsed.packId) ?? [];
    objects.push({ name, sizeBytes, generation: parsed.generation });
    found.set(parsed.packId, objects);
  }
  const listed = [...found].map(([packId, objects]) => {
    objects.sort((a, b) => b.generation - a.generation || (a.name < b.name ? -1 : 1));
    return [packId, { packId, objects }] as const;
  });
  return new Map(listed);
};

/**
 * What the directory of the pack's highest readable generation says; undefined when none opens.
 * Errors: StoreKeyWrong, StoreIoFailed.
 */
export const describePack = async (
  backend: Backend,
  keys: StructKeys,
  { packId, objects }: ListedPack,
): Promise<(PackRecord & { readonly records: number }) | undefined> => {
  const codec = openCodec();
  for (const { name, sizeBytes } of objects) {
    try {
      const directory = await readTwice(backend, keys, { name, sizeBytes, packId }, codec);
      const records = directory.slots;
      // compaction leaves records out, and the others keep their slots
      const slots = records === 0 ? 0 : directory.at(records - 1).slot + 1;
      return { packId, name, kind: directory.header.kind, sizeBytes, slots, records };
    } catch (error) {
      if (!isCoded(error, 'StoreDataDamaged') && !isCoded(error, 'StoreObjectMissing')) throw error;
    }
  }
  return undefined;
};

interface PackObject {
  readonly name: string;
  readonly packId: string;
  readonly sizeBytes: number;
}

const readTwice = async (
  backend: Backend,
  keys: StructKeys,
  pack: PackObject,
  codec: Codec,
): Promise<PackDirectory> => {
  try {
    return await readOnce(backend, keys, pack, codec);
  } catch (error) {
    if (!isCoded(error, 'StoreDataDamaged')) throw error;
    return readOnce(backend, keys, pack, codec);
  }
};

const readOnce = async (backend: Backend, keys: StructKeys, pack: PackObject, codec: Codec): Promise<PackDirectory> => {
  const { name, sizeBytes } = pack;
  const end = (length: number) => backend.get(name, { offset: sizeBytes - length, length });
  let tail = await end(Math.min(TAIL_BYTES, sizeBytes));
  const needed = directoryLength(name, tail);
  if (needed > sizeBytes) throw damaged(name, 'it is shorter than its directory');
  if (needed > tail.length) tail = await end(needed);
  return readDirectory(pack, tail.subarray(tail.length - needed), keys, codec);
};
