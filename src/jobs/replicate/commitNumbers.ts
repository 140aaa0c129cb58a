/** Which commit objects were listed, a bit each; of two that share a number none is known. */
export class CommitNumbers {
  readonly #bits: Uint8Array;
  readonly #shared = new Set<number>();

  constructor(lastCseq: number) {
    this.#bits = new Uint8Array(Math.floor(lastCseq / 8) + 1);
  }

  add(name: string): void {
    const number = numberOf(name);
    if (number >= this.#bits.length * 8) return;
    if (this.#isSet(number)) this.#shared.add(number);
    this.#bits[number >> 3]! |= 1 << (number & 7);
  }

  /** False: it was not listed, or that is not known. */
  has(name: string): boolean {
    const number = numberOf(name);
    return number < this.#bits.length * 8 && this.#isSet(number) && !this.#shared.has(number);
  }

  #isSet(number: number): boolean {
    return (this.#bits[number >> 3]! & (1 << (number & 7))) !== 0;
  }
}

/** `rp/<item>/<cseq, 12 digits>-…` */
const numberOf = (name: string): number => Number(/^rp\/[^/]+\/(\d{12})-/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER);
