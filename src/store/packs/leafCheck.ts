import { turn } from '../../lib/turn.ts';
import type { Backend } from '../backend.ts';
import { type Damage, rangeDamageOf } from '../damage.ts';
import { DiskReader } from '../diskReader.ts';
import type { WorkerKeys } from '../keys.ts';
import type { BadRead } from '../secondOpinion.ts';
import type { DiskRoot, NodeRef } from '../tree.ts';
import type { RecordPlace } from './packReader.ts';

/** A leaf whose cells are to be opened. Plain data. */
export interface LeafTask {
  readonly root: DiskRoot;
  readonly index: number;
  /** Cells that are the same in this leaf are left out. */
  readonly before: NodeRef | null;
}

export interface LeafFindings {
  /** Bytes of disk that are sound. */
  readonly checkedBytes: number;
  readonly damages: readonly Damage[];
  readonly badReads: readonly BadRead[];
}

/** Whether a record was opened and re-hashed already. */
export type IsProven = (place: RecordPlace) => boolean;

/** Others have their turn while a leaf is opened. */
const TURN_EVERY_BYTES = 1024 * 1024;

/** Opens and re-hashes the cells of leaves, one leaf at a time. */
export class LeafCheck {
  readonly #store: { readonly backend: Backend; readonly workerKeys: WorkerKeys };
  readonly #isProven: IsProven | undefined;
  #reader: DiskReader | undefined;
  #badReads: BadRead[] = [];

  constructor(store: { readonly backend: Backend; readonly workerKeys: WorkerKeys }, isProven?: IsProven) {
    this.#store = store;
    this.#isProven = isProven;
  }

  async run({ root, index, before }: LeafTask): Promise<LeafFindings> {
    const damages: Damage[] = [];
    let [checkedBytes, openedBytes] = [0, 0];
    const isKnown = (place: RecordPlace, offset: number): boolean => {
      if (!this.#isProven!(place)) return false;
      checkedBytes += Math.min(place.entry.plainLength, root.sizeBytes - offset);
      return true;
    };
    await this.#readerOf(root).readLeafCells(
      index,
      (_offset, { length }) => {
        checkedBytes += length;
        openedBytes += length;
        if (openedBytes < TURN_EVERY_BYTES) return undefined;
        openedBytes = 0;
        return turn();
      },
      (error) => damages.push(rangeDamageOf(error)),
      { before, ...(this.#isProven && { isKnown }) },
    );
    const badReads = this.#badReads;
    this.#badReads = [];
    return { checkedBytes, damages, badReads };
  }

  #readerOf(root: DiskRoot): DiskReader {
    const { node, sizeBytes, chunkSizeBytes, levels } = root;
    const known = this.#reader?.root;
    const isSame =
      known?.node?.id === node?.id &&
      known?.node?.pack === node?.pack &&
      known?.node?.slot === node?.slot &&
      known?.levels === levels &&
      known.sizeBytes === sizeBytes &&
      known.chunkSizeBytes === chunkSizeBytes;
    if (this.#reader && isSame) return this.#reader;
    const { backend, workerKeys: keys } = this.#store;
    this.#reader = new DiskReader({ backend, keys, onBadRead: (bad) => void this.#badReads.push(bad) }, root);
    return this.#reader;
  }
}
