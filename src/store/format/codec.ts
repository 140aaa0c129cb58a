import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export type CodecId = 0 | 1;
export const RAW: CodecId = 0;
export const ZSTD: CodecId = 1;

/** Compression of one thread. What a method returns is good until its next call. */
export interface Codec {
  /** Memory to decrypt into. */
  room(length: number): Uint8Array;
  /** Undefined: not worth it, store raw. */
  compress(plain: Uint8Array): Uint8Array | undefined;
  /** Undefined: not a frame of exactly `plainLength` bytes. */
  decompress(payload: Uint8Array, plainLength: number): Uint8Array | undefined;
}

/** Level 1: three times the speed of level 3 would not pay for what it saves; docs/decisions/ says what was measured. */
const LEVEL = 1;
const PARAMS = { [constants.ZSTD_c_compressionLevel]: LEVEL };

/** Bytes that zstd may need for `length` bytes it cannot compress. */
const bound = (length: number): number => length + (length >>> 8) + 128;

/** Saving less than a sixteenth is not worth the time of every later read. */
const worthIt = (packed: number, plain: number): boolean => packed <= plain - (plain >>> 4);

/** Whether this Node's internals are as expected; found out once in a thread. */
let internalsKnown: boolean | undefined;

export const openCodec = (): Codec => {
  const codec = new ReusedCodec();
  internalsKnown ??= codec.works();
  return internalsKnown ? codec : plainCodec;
};

const plainCodec: Codec = {
  room: (length) => new Uint8Array(length),
  compress(plain) {
    if (looksRandom(plain)) return undefined;
    const packed = zstdCompressSync(plain, { params: PARAMS, chunkSize: bound(plain.length) });
    return worthIt(packed.length, plain.length) ? packed : undefined;
  },
  decompress(payload, plainLength) {
    try {
      const plain = zstdDecompressSync(payload, { chunkSize: Math.max(plainLength, 64), maxOutputLength: plainLength });
      return plain.length === plainLength ? plain : undefined;
    } catch {
      // node:zlib tells a broken frame only by throwing; the caller names the object it came from
      return undefined;
    }
  },
};

/** The part of a zlib stream's handle that works without the stream; present since Node 11, in no documentation. */
interface Handle {
  onerror: (...reason: readonly unknown[]) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
}

class Engine {
  readonly #handle: Handle;
  /** [output bytes left, input bytes left] after a call. */
  readonly #state: Uint32Array;
  #failed = false;

  constructor(stream: unknown) {
    const inner = stream as { _handle: Handle; _writeState: Uint32Array };
    this.#handle = inner._handle;
    this.#state = inner._writeState;
    this.#handle.onerror = () => {
      this.#failed = true;
    };
  }

  /** Bytes written; -1 when the input was not one whole frame or the output is too small. */
  run(input: Uint8Array, output: Uint8Array, outputLength: number): number {
    this.#handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, output, 0, outputLength);
    if (this.#failed || this.#state[1] !== 0) return -1;
    return outputLength - this.#state[0]!;
  }
}

/**
 * Keeps zstd's contexts and its output buffers between chunks. The public one-shot calls make new ones each time,
 * which costs a tenth of compression and half of decompression at 128 KiB.
 */
class ReusedCodec implements Codec {
  #packer: Engine | undefined;
  #unpacker: Engine | undefined;
  #packed = new Uint8Array(0);
  #plain = new Uint8Array(0);
  #room = new Uint8Array(0);

  room(length: number): Uint8Array {
    if (this.#room.length < length) this.#room = new Uint8Array(length);
    return this.#room;
  }

  works(): boolean {
    const sample = new Uint8Array(4096).map((_, index) => index >>> 5);
    try {
      for (let round = 0; round < 2; round++) {
        const packed = this.compress(sample);
        if (!packed || !Buffer.from(zstdDecompressSync(packed)).equals(sample)) return false;
        const plain = this.decompress(packed, sample.length);
        if (!plain || !Buffer.from(plain).equals(sample)) return false;
      }
      return true;
    } catch {
      // any surprise in undocumented parts means: use the documented ones
      return false;
    }
  }

  compress(plain: Uint8Array): Uint8Array | undefined {
    if (looksRandom(plain)) return undefined;
    const room = bound(plain.length);
    if (this.#packed.length < room) this.#packed = new Uint8Array(room);
    this.#packer ??= new Engine(createZstdCompress({ params: PARAMS }));
    const length = this.#packer.run(plain, this.#packed, room);
    if (length < 0) this.#packer = undefined;
    return length > 0 && worthIt(length, plain.length) ? this.#packed.subarray(0, length) : undefined;
  }

  decompress(payload: Uint8Array, plainLength: number): Uint8Array | undefined {
    // one byte more than expected, so that a longer frame shows
    if (this.#plain.length < plainLength + 1) this.#plain = new Uint8Array(plainLength + 1);
    this.#unpacker ??= new Engine(createZstdDecompress());
    const length = this.#unpacker.run(payload, this.#plain, plainLength + 1);
    if (length === plainLength) return this.#plain.subarray(0, plainLength);
    this.#unpacker = undefined;
    return undefined;
  }
}

const SAMPLE_BYTES = 4096;
const counts = new Uint16Array(256);

/**
 * True when 4 KiB taken from eight places show no byte more often than chance does: ciphertext, media, archives.
 * Random bytes give a sum of squares of 69 616 ± 730; text and machine code give over 100 000.
 */
export const looksRandom = (plain: Uint8Array): boolean => {
  if (plain.length < SAMPLE_BYTES) return false;
  counts.fill(0);
  const step = Math.floor(plain.length / 8);
  for (let part = 0; part < 8; part++) {
    const start = part * step;
    for (let at = start; at < start + SAMPLE_BYTES / 8; at++) counts[plain[at]!]!++;
  }
  let squares = 0;
  for (let value = 0; value < 256; value++) squares += counts[value]! * counts[value]!;
  return squares < 73_000;
};
