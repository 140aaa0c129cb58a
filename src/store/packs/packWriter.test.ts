import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../backend.ts';
import { listed } from '../backends/backend.contract.ts';
import { dataNamer } from '../format/chunkId.ts';
import { type Codec, openCodec } from '../format/codec.ts';
import { createMemoryBackend } from '../memoryBackend.ts';
import type { PackRecord } from '../packRecord.ts';
import { newStore } from '../testing/backup.ts';
import { PackReader } from './packReader.ts';
import { PackWriter, type PackWriterOptions } from './packWriter.ts';

const CHUNK_BYTES = 65_536;

const open = async (options: Partial<PackWriterOptions> = {}) => {
  const backend = createMemoryBackend();
  const { workerKeys: keys } = await newStore(backend);
  const namer = dataNamer(keys, CHUNK_BYTES);
  const packs: PackRecord[] = [];
  const writer = new PackWriter({
    ...{ backend, keys, kind: 'data', namer },
    onPack: (pack) => packs.push(pack),
    ...options,
  });
  const read = async (pack: string, slot: number): Promise<Uint8Array> => {
    const reader = new PackReader({ backend, keys });
    return reader.readRecord(await reader.locate(pack, slot), openCodec(), namer);
  };
  return { backend, keys, namer, packs, writer, read };
};

const text = (seed: number): Uint8Array => Buffer.alloc(CHUNK_BYTES, `line ${seed}\n`);

describe('a pack', () => {
  it('is named by the SHA-256 of its bytes, and its records open', async () => {
    const { backend, namer, packs, writer, read } = await open();
    const chunks = [text(1), randomBytes(CHUNK_BYTES), text(2)];
    const places = [];
    for (const chunk of chunks) places.push(await writer.add(namer(chunk), chunk));
    assert.equal(packs.length, 0, 'nothing is told before it is durable');
    await writer.finish();
    assert.equal(packs.length, 1);
    const { hash } = await import('node:crypto');
    const bytes = await backend.get(packs[0]!.name);
    assert.equal(packs[0]!.name.slice(-64), hash('sha256', bytes, 'hex'));
    assert.equal(packs[0]!.sizeBytes, bytes.length);
    assert.equal(packs[0]!.slots, 3);
    for (const [number, { pack, slot }] of places.entries()) {
      assert.equal(Buffer.compare(await read(pack, slot), chunks[number]!), 0);
    }
  });

  it('holds what cannot be compressed as it is', async () => {
    const { namer, packs, writer } = await open();
    const chunk = randomBytes(CHUNK_BYTES);
    await writer.add(namer(chunk), chunk);
    await writer.finish();
    assert.ok(packs[0]!.sizeBytes < CHUNK_BYTES + 400);
  });

  it('is full at its size', async () => {
    const { namer, packs, writer, read } = await open({ packSizeBytes: 400_000 });
    const chunks = Array.from({ length: 20 }, () => randomBytes(CHUNK_BYTES));
    const places = [];
    for (const chunk of chunks) places.push(await writer.add(namer(chunk), chunk));
    await writer.finish();
    assert.equal(packs.length, 4);
    for (const { sizeBytes } of packs) assert.ok(sizeBytes <= 400_000);
    for (const [number, { pack, slot }] of places.entries()) {
      assert.equal(Buffer.compare(await read(pack, slot), chunks[number]!), 0);
    }
  });

  it('shows nothing of its chunks, not even how many bytes each has', async () => {
    const { backend, namer, packs, writer } = await open();
    const chunk = text(7);
    const id = namer(chunk);
    await writer.add(id, chunk);
    await writer.finish();
    const bytes = Buffer.from(await backend.get(packs[0]!.name));
    assert.equal(bytes.includes('line 7'), false);
    assert.equal(bytes.includes(id), false);
  });

  it('is never sealed twice with one key', async () => {
    const { backend, namer, writer, packs } = await open();
    for (let round = 0; round < 20; round++) {
      await writer.add(namer(text(1)), text(1));
      await writer.finish();
    }
    const salts = await Promise.all(
      packs.map(async ({ name }) => Buffer.from(await backend.get(name, { offset: 36, length: 32 })).toString('hex')),
    );
    assert.equal(new Set(salts).size, 20);
  });
});

describe('a fault in memory while a pack is filled', () => {
  it('in the sealed bytes is found before the put; the chunk is sealed again', async () => {
    let faults = 0;
    const afterSeal = (sealed: Uint8Array): void => {
      if (faults++ === 0) sealed[3]! ^= 4;
    };
    const { namer, writer, read } = await open({ afterSeal });
    const { pack, slot } = await writer.add(namer(text(1)), text(1));
    await writer.finish();
    assert.equal(faults, 2);
    assert.equal(Buffer.compare(await read(pack, slot), text(1)), 0);
  });

  it('that stays ends the backup; nothing is stored', async () => {
    const afterSeal = (sealed: Uint8Array): void => {
      sealed[0]! ^= 1;
    };
    const { backend, namer, writer } = await open({ afterSeal });
    await assert.rejects(writer.add(namer(text(1)), text(1)), (error) => isCoded(error, 'StoreDataDamaged'));
    assert.deepEqual(await listed(backend, 'p/'), []);
  });

  it('in the source between naming and sealing is found', async () => {
    const { namer, writer } = await open();
    const chunk = text(1);
    const id = namer(chunk);
    chunk[5]! ^= 1;
    await assert.rejects(writer.add(id, chunk), (error) => isCoded(error, 'StoreDataDamaged'));
  });

  it('of a compressor that gives a sound frame of other data is found; the chunk is stored as it is', async () => {
    const sound = openCodec();
    const codec: Codec = {
      room: (length) => sound.room(length),
      compress: () => sound.compress(text(9)),
      decompress: (payload, length) => sound.decompress(payload, length),
    };
    const { namer, writer, read } = await open({ codec });
    const { pack, slot } = await writer.add(namer(text(1)), text(1));
    // the directory is compressed by the same broken compressor, so it is not finished with it
    Object.assign(codec, { compress: () => undefined });
    await writer.finish();
    assert.equal(Buffer.compare(await read(pack, slot), text(1)), 0);
  });
});

describe('a backend that fails under a pack writer', () => {
  it('fails the writer at its next step and for good', async () => {
    const failing: Backend = Object.assign(createMemoryBackend(), {
      put: async () => {
        throw new CodedError('StoreFull', 'full');
      },
    });
    const { namer, packs, writer } = await open({ backend: failing, packSizeBytes: 100_000 });
    const add = async (): Promise<void> => {
      const chunk = randomBytes(CHUNK_BYTES);
      await writer.add(namer(chunk), chunk);
    };
    await add();
    await add();
    await assert.rejects(writer.finish(), (error) => isCoded(error, 'StoreFull'));
    await assert.rejects(writer.finish(), (error) => isCoded(error, 'StoreFull'));
    assert.deepEqual(packs, []);
  });
});
