import type { TreeNode } from '../format/node.ts';
import { damaged } from '../format/seal.ts';
import type { PackReader, RecordPlace } from './packReader.ts';

/** A record of a leaf and the cells that are made of it. */
export interface LeafRecord {
  readonly place: RecordPlace;
  readonly cells: readonly number[];
}

/** Records that one read brings. */
export interface Run {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly records: readonly LeafRecord[];
}

const RUN_BYTES = 4 * 1024 * 1024;
/** Reading on over a gap is cheaper than a second read. */
const GAP_BYTES = 64 * 1024;

/** Where a cell's chunk lies, checked against the leaf. Errors: StoreDataDamaged, StoreObjectMissing. */
export const locateCell = async (packs: PackReader, leaf: TreeNode, cell: number): Promise<RecordPlace> => {
  const named = leaf.get(cell)!;
  const place = await packs.locate(named.pack, named.slot);
  const { entry, pack } = place;
  const agrees =
    pack.directory.header.kind === 'data' &&
    entry.plainLength === leaf.chunkSizeBytes &&
    Buffer.compare(entry.id.subarray(0, named.id.length), named.id) === 0;
  if (!agrees) throw damaged(pack.directory.name, `slot ${named.slot} holds another chunk than the tree names`);
  return place;
};

/** Sorts records into as few reads as is sensible, in the order of the store. */
export const planRuns = (records: readonly LeafRecord[]): readonly Run[] => {
  const sorted = [...records].sort(
    (a, b) => compare(nameOf(a), nameOf(b)) || a.place.entry.offset - b.place.entry.offset,
  );
  const runs: { name: string; offset: number; length: number; records: LeafRecord[] }[] = [];
  for (const record of sorted) {
    const { offset, length } = record.place.entry;
    const run = runs.at(-1);
    const joins =
      run?.name === nameOf(record) &&
      offset - (run.offset + run.length) <= GAP_BYTES &&
      offset + length - run.offset <= RUN_BYTES;
    if (joins) {
      run.length = offset + length - run.offset;
      run.records.push(record);
    } else {
      runs.push({ name: nameOf(record), offset, length, records: [record] });
    }
  }
  return runs;
};

const nameOf = (record: LeafRecord): string => record.place.pack.directory.name;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
