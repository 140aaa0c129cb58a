import type { CodedError } from '../lib/error.ts';
import { inParallel } from '../lib/inParallel.ts';
import type { Backend } from './backend.ts';
import type { CommitDisk } from './commitBody.ts';
import { type Damage, rangeDamageOf } from './damage.ts';
import { DiskReader, type LeafOfDisk } from './diskReader.ts';
import type { WorkerKeys } from './keys.ts';
import { LeafCheck } from './packs/leafCheck.ts';
import type { OnBadRead } from './secondOpinion.ts';
import type { StoreChecks } from './storeChecks.ts';
import type { DiskRoot } from './tree.ts';

export interface PointVerifierOptions {
  readonly signal?: AbortSignal;
  readonly onBadRead?: OnBadRead;
  /** Who opens the leaves; absent: the calling thread. */
  readonly checks?: Pick<StoreChecks, 'leaf' | 'limit'>;
}

/** Forgetting one costs opening it again. */
const MAX_SOUND_LEAVES = 200_000;
const MAX_DAMAGES = 100_000;

/** Opens and re-hashes points. What was found sound once is not opened again. */
export class PointVerifier {
  /** The first ones, when there are very many. */
  readonly damages: Damage[] = [];
  damageCount = 0;
  checkedBytes = 0;
  readonly #store: { readonly backend: Backend; readonly workerKeys: WorkerKeys };
  readonly #options: PointVerifierOptions;
  readonly #checks: Pick<StoreChecks, 'leaf' | 'limit'>;
  readonly #soundLeaves = new Set<string>();

  constructor(
    store: { readonly backend: Backend; readonly workerKeys: WorkerKeys },
    options: PointVerifierOptions = {},
  ) {
    this.#store = store;
    this.#options = options;
    const inline = new LeafCheck(store);
    this.#checks = options.checks ?? { limit: 1, leaf: (task) => inline.run(task) };
  }

  /** With `like`, a disk that is known to be sound, what is the same in it is not opened. */
  async verifyDisk(pointId: string, disk: CommitDisk, like?: DiskRoot): Promise<void> {
    const { signal, onBadRead } = this.#options;
    const { lun, root } = disk;
    const { backend, workerKeys: keys } = this.#store;
    const reader = new DiskReader({ backend, keys, ...(onBadRead && { onBadRead }) }, root);
    const report = (damage: Damage): void => {
      this.damageCount++;
      if (this.damages.length < MAX_DAMAGES) this.damages.push({ ...damage, pointId, lun });
    };
    const leaves = reader.leaves((error: CodedError) => report(rangeDamageOf(error)), like);
    await inParallel(leaves, this.#checks.limit, async (leaf) => {
      signal?.throwIfAborted();
      for (const damage of await this.#openLeaf(root, leaf)) report(damage);
    });
  }

  async #openLeaf(root: DiskRoot, { index, ref, before }: LeafOfDisk): Promise<readonly Damage[]> {
    const key = `${ref.pack}/${ref.slot}/${ref.id}/${root.chunkSizeBytes}`;
    if (this.#soundLeaves.has(key)) return [];
    const { checkedBytes, damages, badReads } = await this.#checks.leaf({ root, index, before });
    this.checkedBytes += checkedBytes;
    for (const bad of badReads) this.#options.onBadRead?.(bad);
    if (damages.length === 0 && this.#soundLeaves.size < MAX_SOUND_LEAVES) this.#soundLeaves.add(key);
    return damages;
  }
}
