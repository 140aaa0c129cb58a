import type { Extent } from '../../lib/extent.ts';
import type { ReadAddress } from '../../machine/machine.ts';
import type { Backend, CopyGap } from '../../store/backend.ts';
import { DedupeIndex } from '../../store/dedupeIndex.ts';
import { DiskReader } from '../../store/diskReader.ts';
import type { WorkerKeys } from '../../store/keys.ts';
import { LeafWriter, type WriteStats } from '../../store/leafWriter.ts';
import type { PackRecord } from '../../store/packRecord.ts';
import { type DiskRoot, leafCount, type NodeRef } from '../../store/tree.ts';
import { openTransferSource, type TransferSource } from './source.ts';
import { noStats, subtractStats } from './stats.ts';

/** One disk's transfer as a worker needs to know it. Plain data. */
export interface TransferSetup {
  readonly keys: WorkerKeys;
  readonly chunkSizeBytes: number;
  readonly source: ReadAddress;
  readonly sizeBytes: number;
  readonly whole: boolean;
  readonly parent?: DiskRoot;
  readonly dedupePath?: string;
  readonly damagedPacks?: ReadonlySet<string>;
}

export interface LeafTask {
  readonly index: number;
  readonly extents: readonly Extent[];
}

/** Everything one worker holds for one disk: its own source, backend and writer. */
export class TransferSession implements AsyncDisposable {
  readonly #setup: TransferSetup;
  readonly #backend: Backend;
  readonly #source: TransferSource;
  readonly #dedupe: DedupeIndex | undefined;
  readonly #writer: LeafWriter;
  readonly #parent: DiskReader | undefined;
  #told: WriteStats = noStats();

  private constructor(
    setup: TransferSetup,
    backend: Backend,
    source: TransferSource,
    onPack: (pack: PackRecord) => void,
  ) {
    this.#setup = setup;
    this.#backend = backend;
    this.#source = source;
    this.#dedupe = setup.dedupePath === undefined ? undefined : new DedupeIndex(setup.dedupePath);
    this.#parent = setup.parent && new DiskReader({ backend, keys: setup.keys }, setup.parent);
    this.#writer = new LeafWriter({
      backend,
      keys: setup.keys,
      chunkSizeBytes: setup.chunkSizeBytes,
      onPack,
      ...(this.#dedupe ? { dedupe: this.#dedupe } : {}),
      ...(setup.damagedPacks ? { damagedPacks: setup.damagedPacks } : {}),
    });
  }

  static async open(
    setup: TransferSetup,
    backend: Backend,
    onPack: (pack: PackRecord) => void,
    signal?: AbortSignal,
  ): Promise<TransferSession> {
    return new TransferSession(setup, backend, await openTransferSource(setup.source, setup.sizeBytes, signal), onPack);
  }

  async writeLeaf(task: LeafTask): Promise<NodeRef | null> {
    const { index, extents } = task;
    this.#source.expect(extents.filter((extent) => extent.kind === 'data'));
    return this.#writer.writeLeaf(
      {
        index,
        diskSizeBytes: this.#setup.sizeBytes,
        parent: await this.#parentLeaf(index),
        extents,
        whole: this.#setup.whole,
      },
      (offset, length) => this.#source.read(offset, length),
    );
  }

  /** Every pack is durable. Copies of the store that have not all of them are told. */
  async finish(): Promise<readonly CopyGap[]> {
    await this.#writer.finish();
    return (await this.#backend.gaps?.()) ?? [];
  }

  /** What was done since this was last asked. */
  takeStats(): WriteStats {
    const now = { ...this.#writer.stats };
    const added = subtractStats(now, this.#told);
    this.#told = now;
    return added;
  }

  /** Packs of others that this session's leaves refer to. */
  get dedupedPacks(): ReadonlySet<string> {
    return this.#writer.dedupedPacks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#dedupe?.[Symbol.dispose]();
    await this.#source[Symbol.asyncDispose]();
  }

  async #parentLeaf(index: number): Promise<NodeRef | null> {
    const root = this.#setup.parent;
    if (!this.#parent || !root || index >= leafCount(root.sizeBytes, root.chunkSizeBytes)) return null;
    return this.#parent.leafRef(index, this.#setup.damagedPacks);
  }
}
