import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { looksRandom, openCodec } from './codec.ts';

const copy = (bytes: Uint8Array | undefined): Uint8Array => new Uint8Array(bytes!);

describe('the codec', () => {
  const codec = openCodec();

  it('gives back what it packed, whatever the length', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 300_000 }),
        fc.string({ minLength: 1, maxLength: 40 }),
        (length, pattern) => {
          const plain = Buffer.alloc(length, pattern);
          const packed = codec.compress(plain);
          if (!packed) return length < 200;
          return Buffer.compare(codec.decompress(copy(packed), length)!, plain) === 0;
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leaves what cannot be packed', () => {
    assert.equal(codec.compress(randomBytes(131_072)), undefined);
    assert.equal(codec.compress(randomBytes(3000)), undefined);
    assert.equal(codec.compress(new Uint8Array(0)), undefined);
  });

  it('refuses a frame of another length, a torn one, and bytes that are none; and works on', () => {
    const plain = Buffer.alloc(100_000, 'some text ');
    const packed = copy(codec.compress(plain));
    assert.equal(codec.decompress(packed, 99_999), undefined);
    assert.equal(codec.decompress(packed, 100_001), undefined);
    assert.equal(codec.decompress(packed.subarray(0, packed.length - 1), 100_000), undefined);
    assert.equal(codec.decompress(randomBytes(500), 100_000), undefined);
    assert.equal(codec.decompress(new Uint8Array(0), 100_000), undefined);
    assert.equal(Buffer.compare(codec.decompress(packed, 100_000)!, plain), 0);
  });

  it('takes only what is random for random', () => {
    for (let round = 0; round < 200; round++) assert.ok(looksRandom(randomBytes(131_072)));
    assert.equal(looksRandom(Buffer.from(randomBytes(100_000).toString('base64'))), false);
    assert.equal(looksRandom(randomBytes(100_000).map((byte) => byte & 0x7f)), false);
  });
});
