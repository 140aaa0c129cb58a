import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import type { Extent } from '../lib/extent.ts';
import { NbdClient } from './client.ts';
import type { NbdExport } from './export.ts';
import type { NbdExtent } from './extent.ts';
import { NbdServer } from './server.ts';
import { waitForServer } from './waitForServer.ts';

let folder: string;
let socketPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nbd-'));
  socketPath = join(folder, 's');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const dataExtent = (offset: number, length: number): Extent[] => [{ offset, length, kind: 'data' }];

function exportOf(
  bytes: Uint8Array,
  extents: (offset: number, length: number) => readonly Extent[] = dataExtent,
): NbdExport {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    extents: async (offset, length) => extents(offset, length),
  };
}

async function collect(extents: AsyncIterable<NbdExtent>): Promise<NbdExtent[]> {
  return Array.fromAsync(extents);
}

describe('client against server', () => {
  test('reads any range, also across the request limit', async () => {
    const bytes = new Uint8Array(randomBytes(5 * 1024 * 1024 + 777));
    await using _server = await NbdServer.listen({ socketPath, exports: new Map([['disk', exportOf(bytes)]]) });
    await using client = await NbdClient.connect({ socketPath, exportName: 'disk' });
    assert.equal(client.sizeBytes, bytes.length);
    assert.equal(client.readOnly, true);
    assert.deepEqual(await client.read(0, bytes.length), bytes);
    assert.deepEqual(await client.read(bytes.length, 0), new Uint8Array(0));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(3_000_000), async (offset, wanted) => {
        const length = Math.min(wanted, bytes.length - offset);
        assert.ok(Buffer.from(bytes.buffer, offset, length).equals(await client.read(offset, length)));
      }),
      { numRuns: 30 },
    );
  });

  test('overlapping reads are answered each with its own bytes', async () => {
    const bytes = new Uint8Array(randomBytes(1 << 20));
    // Later requests are answered first: replies come in any order.
    const waiting: (() => void)[] = [];
    const late: NbdExport = {
      ...exportOf(bytes),
      read: async (offset, length) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 8) for (const go of waiting.splice(0).reverse()) go();
        });
        return bytes.subarray(offset, offset + length);
      },
    };
    await using _server = await NbdServer.listen({ socketPath, exports: new Map([['', late]]) });
    await using client = await NbdClient.connect({ socketPath, exportName: '' });
    const parts = await Promise.all(Array.from({ length: 8 }, (_, index) => client.read(index * 1000, 999)));
    parts.forEach((part, index) => {
      assert.deepEqual(part, bytes.slice(index * 1000, index * 1000 + 999));
    });
  });

  test('extents come merged, whatever the server cuts them into', async () => {
    const sizeBytes = 6 * 2 ** 30;
    const kindAt = (offset: number): Extent['kind'] => (offset < 2 ** 32 || offset >= 5 * 2 ** 30 ? 'zero' : 'data');
    const coarse: NbdExport = {
      sizeBytes,
      read: async (_offset, length) => new Uint8Array(length),
      extents: async (offset) => [{ offset, length: Math.min(2 ** 29, sizeBytes - offset), kind: kindAt(offset) }],
    };
    await using _server = await NbdServer.listen({ socketPath, exports: new Map([['big', coarse]]) });
    await using client = await NbdClient.connect({ socketPath, exportName: 'big', contexts: ['base:allocation'] });
    const zero = { 'base:allocation': 3 };
    assert.deepEqual(await collect(client.extents()), [
      { offset: 0, length: 2 ** 32, flags: zero },
      { offset: 2 ** 32, length: 2 ** 30, flags: { 'base:allocation': 0 } },
      { offset: 5 * 2 ** 30, length: 2 ** 30, flags: zero },
    ]);
    assert.deepEqual(await collect(client.extents(5, 10)), [{ offset: 5, length: 5, flags: zero }]);
  });

  test('an export that fails to read is an error of that read alone', async () => {
    const seen: unknown[] = [];
    const broken: NbdExport = {
      ...exportOf(new Uint8Array(4096)),
      read: async (offset, length) => {
        if (offset === 0) throw new Error('a bad sector');
        return new Uint8Array(length);
      },
    };
    await using _server = await NbdServer.listen({
      socketPath,
      exports: new Map([['d', broken]]),
      onReadError: (_name, error) => seen.push(error),
    });
    await using client = await NbdClient.connect({ socketPath, exportName: 'd' });
    await assert.rejects(client.read(0, 10), (error) => isCoded(error, 'NbdReadFailed'));
    assert.equal((await client.read(100, 10)).length, 10);
    assert.equal(seen.length, 1);
  });

  test('unknown exports and contexts are refused by name', async () => {
    await using _server = await NbdServer.listen({
      socketPath,
      exports: new Map([['d', exportOf(new Uint8Array(10))]]),
    });
    await assert.rejects(NbdClient.connect({ socketPath, exportName: 'other' }), (error) =>
      isCoded(error, 'NbdExportUnavailable'),
    );
    await assert.rejects(
      NbdClient.connect({ socketPath, exportName: 'd', contexts: ['base:allocation', 'qemu:allocation-depth'] }),
      (error) => isCoded(error, 'NbdExportUnavailable') && error.message.includes("'qemu:allocation-depth'"),
    );
  });

  test('reads outside the export are refused before they are sent', async () => {
    await using _server = await NbdServer.listen({
      socketPath,
      exports: new Map([['d', exportOf(new Uint8Array(10))]]),
    });
    await using client = await NbdClient.connect({ socketPath, exportName: 'd' });
    for (const [offset, length] of [
      [0, 11],
      [10, 1],
      [-1, 1],
    ] as const) {
      await assert.rejects(client.read(offset, length), (error) => isCoded(error, 'InvalidParameter'));
    }
  });

  test('an abort ends what is under way with its reason; no connection stays', async () => {
    const stuck: NbdExport = { ...exportOf(new Uint8Array(10)), read: () => new Promise(() => {}) };
    await using server = await NbdServer.listen({ socketPath, exports: new Map([['d', stuck]]) });
    const stop = new AbortController();
    const client = await NbdClient.connect({ socketPath, exportName: 'd', signal: stop.signal });
    const reading = client.read(0, 10);
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    await assert.rejects(client.read(0, 1), /enough/);
    while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('closing the server cuts its clients, and they say so', async () => {
    const stuck: NbdExport = { ...exportOf(new Uint8Array(10)), read: () => new Promise(() => {}) };
    const server = await NbdServer.listen({ socketPath, exports: new Map([['d', stuck]]) });
    await using client = await NbdClient.connect({ socketPath, exportName: 'd' });
    const reading = client.read(0, 10);
    await server[Symbol.asyncDispose]();
    await assert.rejects(reading, (error) => isCoded(error, 'NbdConnectionLost'));
  });

  test('the socket is for its owner alone, and goes with the server', async () => {
    const server = await NbdServer.listen({ socketPath, exports: new Map() });
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
    await assert.rejects(NbdServer.listen({ socketPath, exports: new Map() }), { code: 'EADDRINUSE' });
    await server[Symbol.asyncDispose]();
    await assert.rejects(stat(socketPath), { code: 'ENOENT' });
  });

  test('exports may come and go while the server runs', async () => {
    const exports = new Map<string, NbdExport>();
    await using _server = await NbdServer.listen({ socketPath, exports });
    await assert.rejects(NbdClient.connect({ socketPath, exportName: 'late' }), (error) =>
      isCoded(error, 'NbdExportUnavailable'),
    );
    exports.set('late', exportOf(new Uint8Array([7])));
    await using client = await NbdClient.connect({ socketPath, exportName: 'late' });
    assert.deepEqual(await client.read(0, 1), new Uint8Array([7]));
  });
});

test('waitForServer waits for the greeting and gives up with the signal', async () => {
  const stop = new AbortController();
  const waiting = waitForServer(socketPath, stop.signal);
  await using _server = await NbdServer.listen({ socketPath, exports: new Map() });
  await waiting;
  const gone = waitForServer(join(folder, 'nobody'), stop.signal);
  stop.abort(new Error('too late'));
  await assert.rejects(gone, /too late/);
});
