import type { Extent, Range } from '../../lib/extent.ts';
import type { ChangedExtents } from '../../machine/machine.ts';
import { affectedRanges } from '../../store/affectedRanges.ts';
import type { Backend } from '../../store/backend.ts';
import type { StructKeys } from '../../store/keys.ts';
import type { DiskRoot } from '../../store/tree.ts';

export interface HealingOptions {
  readonly keys: StructKeys;
  readonly changes: ChangedExtents;
  readonly parent?: DiskRoot;
  readonly damagedPacks?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

/** What is to be read of a disk when packs of its parent are damaged: what changed, and what only the disk still has. */
export class Healing {
  /** Bytes named because of damage so far. */
  bytes = 0;
  readonly #backend: Backend;
  readonly #options: HealingOptions;

  constructor(backend: Backend, options: HealingOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** A disk that is read whole needs nothing more: what is damaged of the parent is not kept anyway. */
  extents(): AsyncIterable<Extent> {
    const { changes, parent, damagedPacks } = this.#options;
    if (changes.kind === 'whole' || !parent || !damagedPacks?.size) return changes.extents;
    return withData(changes.extents, this.#affected(parent, damagedPacks));
  }

  async *#affected(parent: DiskRoot, damagedPacks: ReadonlySet<string>): AsyncIterable<Range> {
    const { keys, signal } = this.#options;
    const lost = new Map([...damagedPacks].map((pack) => [pack, 'all'] as const));
    const walk = { backend: this.#backend, keys, lost, ...(signal && { signal }) };
    for await (const range of affectedRanges(walk, parent)) {
      this.bytes += range.length;
      yield range;
    }
  }
}

/** Both in one ascending stream without overlap; where they meet it is data. Both ascend. */
export async function* withData(extents: AsyncIterable<Extent>, ranges: AsyncIterable<Range>): AsyncIterable<Extent> {
  const feed = new RangeFeed(ranges);
  for await (const { offset, length, kind } of extents) {
    const end = offset + length;
    yield* feed.until(offset);
    let from = offset;
    for (let next = await feed.peek(); next && next.offset < end; next = await feed.peek()) {
      if (next.offset > from) yield { offset: from, length: next.offset - from, kind };
      from = Math.min(next.offset + next.length, end);
      yield* feed.until(end, next);
    }
    if (from < end) yield { offset: from, length: end - from, kind };
  }
  yield* feed.until(Number.POSITIVE_INFINITY);
}

/** Gives ranges as data extents, piece by piece. */
class RangeFeed {
  readonly #ranges: AsyncIterator<Range>;
  #next: Range | undefined;
  #isRead = false;

  constructor(ranges: AsyncIterable<Range>) {
    this.#ranges = ranges[Symbol.asyncIterator]();
  }

  async peek(): Promise<Range | undefined> {
    if (!this.#isRead) {
      const { value, done } = await this.#ranges.next();
      this.#next = done ? undefined : value;
      this.#isRead = true;
    }
    return this.#next;
  }

  /** What lies before `end`; with `only`, of that range alone. */
  async *until(end: number, only?: Range): AsyncIterable<Extent> {
    for (let next = await this.peek(); next && next.offset < end; next = await this.peek()) {
      const stop = Math.min(next.offset + next.length, end);
      yield { offset: next.offset, length: stop - next.offset, kind: 'data' };
      const left = next.offset + next.length - stop;
      this.#next = left > 0 ? { offset: stop, length: left } : undefined;
      this.#isRead = left > 0;
      if (only) return;
    }
  }
}
