/** Widths in bits of a state's fields, in order; each below 9. */
export type Layout = readonly number[];

/** Gives every state that one atomic step leads to, with the step's name. `emit` keeps no reference. */
export type Steps = (state: Uint8Array, emit: (step: string, next: Uint8Array) => void) => void;

export interface Exploration {
  readonly states: number;
  /** Steps from the start to a state that must not be, and why it must not. */
  readonly violation?: { readonly why: string; readonly steps: readonly string[] };
  /** Which of the asked for states were met. */
  readonly met: ReadonlySet<string>;
  /** False: the bound was reached before all states were seen. */
  readonly isComplete: boolean;
}

export interface Model {
  readonly layout: Layout;
  readonly start: Uint8Array;
  readonly steps: Steps;
  /** Why the state must not be; undefined: it may. */
  readonly violated: (state: Uint8Array) => string | undefined;
  /** States that must be reachable, or the model proves nothing. */
  readonly wanted?: Readonly<Record<string, (state: Uint8Array) => boolean>>;
}

/** Breadth first over all interleavings: the first violation met is one of the shortest. */
export const explore = (model: Model, maxStates = 20_000_000): Exploration => {
  const states = new StateSet(model.layout);
  const names: string[] = [];
  const known = new Map<string, number>();
  const numberOf = (step: string): number => {
    const number = known.get(step) ?? names.push(step) - 1;
    known.set(step, number);
    return number;
  };
  const met = new Set<string>();
  states.add(model.start, 0, 0);
  const state = new Uint8Array(model.layout.length);
  for (let at = 0; at < states.size; at++) {
    states.read(at, state);
    const why = model.violated(state);
    if (why !== undefined)
      return { states: states.size, met, isComplete: false, violation: { why, steps: states.way(at, names) } };
    for (const [name, isMet] of Object.entries(model.wanted ?? {})) if (!met.has(name) && isMet(state)) met.add(name);
    if (states.size >= maxStates) return { states: states.size, met, isComplete: false };
    model.steps(state, (step, next) => states.add(next, at, numberOf(step)));
  }
  return { states: states.size, met, isComplete: true };
};

/** States packed into words, in the order in which they were met. */
class StateSet {
  size = 0;
  readonly #layout: Layout;
  readonly #words: number;
  #packed: Uint32Array;
  /** Index of the state it was met from, and the number of the step. */
  #from: Uint32Array;
  #step: Uint8Array;
  #table: Int32Array;
  readonly #scratch: Uint32Array;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#words = Math.ceil(layout.reduce((sum, bits) => sum + bits, 0) / 32) + 1;
    this.#packed = new Uint32Array(65_536 * this.#words);
    this.#from = new Uint32Array(65_536);
    this.#step = new Uint8Array(65_536);
    this.#table = new Int32Array(262_144).fill(-1);
    this.#scratch = new Uint32Array(this.#words);
  }

  add(state: Uint8Array, from: number, step: number): void {
    const hash = this.#pack(state);
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (; this.#table[slot]! >= 0; slot = (slot + 1) & mask) if (this.#isAt(this.#table[slot]!)) return;
    if (this.size === this.#from.length) this.#grow();
    this.#table[slot] = this.size;
    this.#packed.set(this.#scratch, this.size * this.#words);
    this.#from[this.size] = from;
    this.#step[this.size] = step;
    this.size++;
    if (this.size * 2 > this.#table.length) this.#rehash();
  }

  read(at: number, into: Uint8Array): void {
    let word = at * this.#words;
    let used = 0;
    for (let field = 0; field < this.#layout.length; field++) {
      const bits = this.#layout[field]!;
      if (used + bits > 32) {
        word++;
        used = 0;
      }
      into[field] = (this.#packed[word]! >>> used) & ((1 << bits) - 1);
      used += bits;
    }
  }

  way(at: number, names: readonly string[]): string[] {
    const steps: string[] = [];
    for (let here = at; here !== 0; here = this.#from[here]!) steps.unshift(names[this.#step[here]!]!);
    return steps;
  }

  /** Into the scratch; a field does not cross words. */
  #pack(state: Uint8Array): number {
    this.#scratch.fill(0);
    let word = 0;
    let used = 0;
    let hash = 0x811c9dc5;
    for (let field = 0; field < this.#layout.length; field++) {
      const bits = this.#layout[field]!;
      if (state[field]! >>> bits !== 0)
        throw new RangeError(`field ${field} holds ${state[field]}, more than ${bits} bits`);
      if (used + bits > 32) {
        word++;
        used = 0;
      }
      this.#scratch[word]! |= state[field]! << used;
      used += bits;
    }
    for (const value of this.#scratch) {
      hash = Math.imul(hash ^ value, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash >>> 0;
  }

  #isAt(at: number): boolean {
    for (let word = 0; word < this.#words; word++)
      if (this.#packed[at * this.#words + word] !== this.#scratch[word]) return false;
    return true;
  }

  #grow(): void {
    const room = this.#from.length * 2;
    const packed = new Uint32Array(room * this.#words);
    packed.set(this.#packed);
    this.#packed = packed;
    const from = new Uint32Array(room);
    from.set(this.#from);
    this.#from = from;
    const step = new Uint8Array(room);
    step.set(this.#step);
    this.#step = step;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1);
    const mask = table.length - 1;
    const state = new Uint8Array(this.#layout.length);
    for (let at = 0; at < this.size; at++) {
      this.read(at, state);
      let slot = this.#pack(state) & mask;
      while (table[slot]! >= 0) slot = (slot + 1) & mask;
      table[slot] = at;
    }
    this.#table = table;
  }
}
