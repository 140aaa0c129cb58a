/** A small fast generator, so that every run works on the same bytes (xoshiro128**). */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    // splitmix32 spreads the seed
    this.#state = Uint32Array.from({ length: 4 }, (_, index) => {
      let z = Math.imul(seed + index + 1, 0x9e3779b9);
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    });
  }

  uint32(): number {
    const s = this.#state;
    const turned = Math.imul(s[1]!, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit);
  }

  /** Bytes that no compressor shrinks. */
  fill(bytes: Uint8Array): void {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    for (let index = 0; index < words.length; index++) words[index] = this.uint32();
    for (let at = words.length * 4; at < bytes.length; at++) bytes[at] = this.uint32() & 255;
  }

  /** Lines like those of a log: they shrink to a third or so. */
  fillWithText(bytes: Uint8Array): void {
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      text = `${2_000_000_000 + this.below(1_000_000)} host${this.below(40)} service[${this.below(9000)}]: request ${this.uint32().toString(16)} took ${this.below(800)} ms, status ${200 + this.below(5)}\n`;
      at += Buffer.from(bytes.buffer, bytes.byteOffset + at).write(text);
    }
  }
}
