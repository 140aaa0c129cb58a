import { hash } from 'node:crypto';
import { type CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../backend.ts';
import type { CommitBody, CommitDisk } from '../commitBody.ts';
import { DiskReader } from '../diskReader.ts';
import { parseCommitName, parsePackName } from '../format/names.ts';
import type { WorkerKeys } from '../keys.ts';

export interface Damage {
  /** The object at fault. */
  readonly object: string;
  readonly message: string;
  /** Present when a disk of a point is touched: the bytes that cannot be read. */
  readonly pointId?: string;
  readonly lun?: number;
  readonly offset?: number;
  readonly length?: number;
}

export const damageOf = (error: CodedError, object = 'unknown'): Damage => ({
  object: error.target ?? object,
  message: error.message,
});

/** Compares the bytes of every pack and commit object with the SHA-256 in its name; needs no key. */
export const verifyNames = async (
  backend: Backend,
  signal?: AbortSignal,
): Promise<{ readonly objects: number; readonly damages: readonly Damage[] }> => {
  const damages: Damage[] = [];
  let objects = 0;
  for (const prefix of ['p/', 'rp/']) {
    for await (const { name } of backend.list(prefix)) {
      signal?.throwIfAborted();
      const sha256 = (parsePackName(name) ?? parseCommitName(name))?.sha256;
      if (!sha256) continue;
      objects++;
      // two reads must agree before it is called damage
      const sound = (await sha256Of(backend, name)) === sha256 || (await sha256Of(backend, name)) === sha256;
      if (!sound) damages.push({ object: name, message: `${name}: its bytes have another SHA-256 than its name.` });
    }
  }
  return { objects, damages };
};

const sha256Of = async (backend: Backend, name: string): Promise<string | undefined> => {
  try {
    return hash('sha256', await backend.get(name), 'hex');
  } catch (error) {
    if (isCoded(error)) return undefined;
    throw error;
  }
};

/** Every commit names the hash of the one before: what was put in its place, or rolled back, shows. */
export const brokenChain = (
  commits: readonly { readonly name: string; readonly body: CommitBody }[],
): readonly Damage[] => {
  const bySequence = new Map(commits.map((commit) => [commit.body.cseq, commit]));
  return commits.flatMap(({ name, body }) => {
    const before = bySequence.get(body.cseq - 1);
    if (!before || parseCommitName(before.name)?.sha256 === body.previous) return [];
    return [
      {
        object: before.name,
        message: `${before.name}: the commit after it names another one as its predecessor (${name}).`,
      },
    ];
  });
};

/** Opens and re-hashes points. What was found sound once is not opened again. */
export class PointVerifier {
  readonly damages: Damage[] = [];
  checkedBytes = 0;
  readonly #store: { readonly backend: Backend; readonly workerKeys: WorkerKeys };
  readonly #signal: AbortSignal | undefined;
  readonly #soundLeaves = new Set<string>();

  constructor(store: { readonly backend: Backend; readonly workerKeys: WorkerKeys }, signal?: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
  }

  async verifyDisk(pointId: string, disk: CommitDisk): Promise<void> {
    const { lun, root } = disk;
    const reader = new DiskReader({ backend: this.#store.backend, keys: this.#store.workerKeys }, root);
    const report = (error: CodedError): void => {
      const [, offset, length] = /^(\d+)\+(\d+)$/.exec(error.details[0]?.target ?? '') ?? [];
      const range = offset === undefined ? {} : { offset: Number(offset), length: Number(length) };
      this.damages.push({ ...damageOf(error), pointId, lun, ...range });
    };
    for await (const { index, ref } of reader.leaves(report)) {
      this.#signal?.throwIfAborted();
      const key = `${ref.pack}/${ref.slot}/${ref.id}/${root.chunkSizeBytes}`;
      if (this.#soundLeaves.has(key)) continue;
      const before = this.damages.length;
      await reader.readLeafCells(
        index,
        (_offset, bytes) => {
          this.checkedBytes += bytes.length;
        },
        report,
      );
      if (this.damages.length === before) this.#soundLeaves.add(key);
    }
  }
}
