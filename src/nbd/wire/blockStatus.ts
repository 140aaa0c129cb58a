import type { NbdExtent } from '../extent.ts';
import { protocolError, viewOf } from './protocol.ts';

interface Status {
  readonly length: number;
  readonly flags: number;
}

/** Joins the block status of several contexts, and of one request after another, into merged extents. */
export class BlockStatusCursor {
  readonly #contexts: ReadonlyMap<number, string>;
  #last: NbdExtent | undefined;

  constructor(contexts: ReadonlyMap<number, string>) {
    this.#contexts = contexts;
  }

  /** The answer to one request; `covered` bytes of it are known, at least one. */
  merge(
    offset: number,
    length: number,
    byContext: ReadonlyMap<number, Uint8Array>,
  ): { extents: NbdExtent[]; covered: number } {
    const lists = [...this.#contexts].map(([id, name]) => ({
      name,
      list: decode(byContext.get(id), name),
      index: 0,
      left: 0,
    }));
    for (const one of lists) one.left = one.list[0]!.length;
    const extents: NbdExtent[] = [];
    let covered = 0;
    while (covered < length && lists.every((one) => one.index < one.list.length)) {
      const step = Math.min(length - covered, ...lists.map((one) => one.left));
      const flags = Object.fromEntries(lists.map((one) => [one.name, one.list[one.index]!.flags]));
      this.#append(extents, { offset: offset + covered, length: step, flags });
      covered += step;
      for (const one of lists) {
        one.left -= step;
        if (one.left === 0) one.left = one.list[++one.index]?.length ?? 0;
      }
    }
    return { extents, covered };
  }

  /** The extent that was kept back for merging with the next. */
  rest(): NbdExtent[] {
    return this.#last ? [this.#last] : [];
  }

  #append(extents: NbdExtent[], next: NbdExtent): void {
    const last = this.#last;
    if (last && last.offset + last.length === next.offset && sameFlags(last, next)) {
      this.#last = { ...last, length: last.length + next.length };
      return;
    }
    if (last) extents.push(last);
    this.#last = next;
  }
}

function decode(payload: Uint8Array | undefined, context: string): Status[] {
  if (!payload) throw protocolError(`block status without an answer for '${context}'`);
  const view = viewOf(payload);
  const list: Status[] = [];
  for (let at = 0; at < payload.length; at += 8) {
    const length = view.getUint32(at);
    if (length === 0) throw protocolError(`an empty extent in '${context}'`);
    list.push({ length, flags: view.getUint32(at + 4) });
  }
  return list;
}

const sameFlags = (a: NbdExtent, b: NbdExtent): boolean =>
  Object.keys(a.flags).every((name) => a.flags[name] === b.flags[name]);
