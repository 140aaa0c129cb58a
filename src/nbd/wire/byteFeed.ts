/**
 * Turns the pieces a socket delivers into exact lengths. One taker at a time; bytes that nobody expects yet are
 * kept aside and the socket is told to hold, so a peer that talks ahead cannot fill the memory.
 */
export class ByteFeed {
  #target: Uint8Array | undefined;
  #filled = 0;
  #then: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #aside: Uint8Array | undefined;
  #failure: { readonly reason: unknown } | undefined;
  readonly #resume: () => void;

  /** `resume` is called when a feed that answered `false` may go on. */
  constructor(resume: () => void) {
    this.#resume = resume;
  }

  /** Takes one piece; `false` says: hold until `resume`. The piece may be reused as soon as this returns. */
  feed(piece: Uint8Array): boolean {
    let at = 0;
    while (at < piece.length) {
      const target = this.#target;
      if (!target) {
        this.#aside = new Uint8Array(piece.subarray(at));
        return false;
      }
      const count = Math.min(target.length - this.#filled, piece.length - at);
      target.set(at === 0 && count === piece.length ? piece : piece.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === target.length) {
        this.#target = undefined;
        this.#then();
      }
    }
    return true;
  }

  /** Calls `then` when `target` is full. */
  expect(target: Uint8Array, then: () => void): void {
    if (target.length === 0) {
      then();
      return;
    }
    this.#target = target;
    this.#filled = 0;
    this.#then = then;
    const aside = this.#aside;
    if (!aside) return;
    this.#aside = undefined;
    if (this.feed(aside)) this.#resume();
  }

  /** The next `length` bytes. Rejects with the reason given to `fail`. */
  take(length: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure.reason);
        return;
      }
      this.#reject = reject;
      const bytes = new Uint8Array(length);
      this.expect(bytes, () => resolve(bytes));
    });
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#target = undefined;
    this.#reject(reason);
  }
}
