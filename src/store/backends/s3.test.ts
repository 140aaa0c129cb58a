import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Clock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import { assertRestores, backUp, newStore } from '../testing/backup.ts';
import { FaultyS3, type S3Fault } from '../testing/faultyS3.ts';
import { SparseDisk } from '../testing/sparseDisk.ts';
import { backendContract, listed } from './backend.contract.ts';
import { openS3Backend } from './s3.ts';

const TIMEOUT_FROM_MS = 60_000;
const BYTES = new Uint8Array(randomBytes(5_000));

/** Pauses are over at once and remembered; what waits for an answer waits until it is told that time has passed. */
class PauseClock implements Clock {
  readonly pauses: number[] = [];
  readonly #timeouts = new Set<() => void>();

  now(): number {
    return 1_767_600_000_000;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs < TIMEOUT_FROM_MS) {
      this.pauses.push(delayMs);
      signal?.throwIfAborted();
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#timeouts.add(resolve);
      signal?.addEventListener('abort', () => {
        this.#timeouts.delete(resolve);
        reject(signal.reason);
      });
    });
  }

  passTimeouts(): void {
    for (const timeout of this.#timeouts) timeout();
  }
}

let s3: FaultyS3;
let clock: PauseClock;
beforeEach(async () => {
  s3 = await FaultyS3.start();
  clock = new PauseClock();
});
afterEach(() => s3[Symbol.asyncDispose]());

const open = () =>
  openS3Backend(
    {
      ...{ kind: 's3', endpoint: s3.endpoint, region: 'here', bucket: 'vaults', prefix: 'a/' },
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    },
    clock,
  );

/** These faults, one for each request of that method to that object, in this order. */
const prepare = (method: string, ...faults: readonly S3Fault[]): void => {
  const left = [...faults];
  s3.faultOf = (asked, key) => (asked === method && (key === 'a/fmt' || key === '') ? left.shift() : undefined);
};

const storm = (status: number, count: number, more: object = {}): S3Fault[] =>
  Array.from({ length: count }, () => ({ kind: 'refuse', status, ...more }));

backendContract('S3 in this process', async () => {
  s3.objects.clear();
  return open();
});

describe('an S3 service with faults', () => {
  for (const [word, faults] of [
    ['503', storm(503, 4, { code: 'SlowDown' })],
    ['500', storm(500, 2)],
    ['429', storm(429, 3)],
    ['no answer', [{ kind: 'hang' }, { kind: 'hang' }]],
  ] as const) {
    it(`is asked again after ${word}`, async () => {
      prepare('PUT', ...faults);
      s3.onHang = () => clock.passTimeouts();
      assert.equal(await open().put('fmt', BYTES), 'created');
      assert.equal(s3.hits, faults.length);
      assert.equal(s3.requests.filter((request) => request === 'PUT a/fmt').length, faults.length + 1);
      assert.equal(clock.pauses.length, faults.length);
      assert.deepEqual(new Uint8Array(await open().get('fmt')), BYTES);
    });
  }

  it('is given as much time as it asks for, but not for ever', async () => {
    prepare('PUT', ...storm(503, 1, { retryAfterS: 7 }), ...storm(503, 1, { retryAfterS: 4000 }));
    await open().put('fmt', BYTES);
    assert.deepEqual(clock.pauses, [7_000, 30_000]);
  });

  it('is given up after 8 attempts, in words that help', async () => {
    prepare('PUT', ...storm(503, 20));
    await assert.rejects(
      open().put('fmt', BYTES),
      (error) => isCoded(error, 'StoreIoFailed') && /'fmt' \(503.*8 attempts/.test(error.message),
    );
    assert.equal(s3.hits, 8);
  });

  it('that never answers is given up too, and at once when the caller gives up', async () => {
    prepare('PUT', ...Array.from({ length: 20 }, () => ({ kind: 'hang' }) as const));
    s3.onHang = () => clock.passTimeouts();
    await assert.rejects(
      open().put('fmt', BYTES),
      (error) => isCoded(error, 'StoreIoFailed') && /within/.test(error.message),
    );
    assert.equal(s3.hits, 8);
    const caller = new AbortController();
    s3.onHang = () => caller.abort(new Error('given up'));
    await assert.rejects(open().put('fmt', BYTES, caller.signal), /given up/);
    assert.equal(s3.hits, 9);
  });

  it('is refused when it says 507, and not asked again', async () => {
    prepare('PUT', ...storm(507, 1));
    await assert.rejects(open().put('fmt', BYTES), (error) => isCoded(error, 'StoreFull'));
    assert.equal(s3.requests.length, 1);
  });

  for (const kind of ['forget', 'halve'] as const) {
    it(`that stores not all (${kind}) once is asked again, twice is called a liar`, async () => {
      prepare('PUT', { kind });
      assert.equal(await open().put('fmt', BYTES), 'created');
      assert.deepEqual(new Uint8Array(await open().get('fmt')), BYTES);
      s3.objects.clear();
      prepare('PUT', { kind }, { kind });
      await assert.rejects(
        open().put('fmt', BYTES),
        (error) => isCoded(error, 'StoreLies') && error.target === 'fmt' && /'vaults'/.test(error.message),
      );
      assert.equal(s3.hits, 3);
      assert.equal(await open().head('fmt'), undefined);
    });
  }

  it("knows its own put again when the first attempt's answer was lost, and another's not", async () => {
    prepare('PUT', { kind: 'mute' });
    assert.equal(await open().put('fmt', BYTES), 'created');
    s3.objects.set('a/fmt', Buffer.from('of another'));
    prepare('PUT', ...storm(500, 1));
    assert.equal(await open().put('fmt', BYTES), 'exists');
    assert.equal(s3.hits, 2);
    assert.equal(Buffer.from(await open().get('fmt')).toString(), 'of another');
  });

  it('that breaks off within an answer is read again, and no half answer passes for a whole', async () => {
    await open().put('fmt', BYTES);
    prepare('GET', { kind: 'cut' }, { kind: 'cut' });
    assert.deepEqual(new Uint8Array(await open().get('fmt')), BYTES);
    prepare('GET', ...Array.from({ length: 8 }, () => ({ kind: 'cut' }) as const));
    await assert.rejects(open().get('fmt', { offset: 10, length: 4_000 }), (error) => isCoded(error, 'StoreIoFailed'));
    assert.equal(s3.hits, 10);
  });

  it('that says a listing goes on, but not where, has not listed', async () => {
    const backend = open();
    for (const name of ['p/1', 'p/2', 'p/3', 'p/4', 'p/5']) await backend.put(name, BYTES);
    s3.objects.set('a/p/.hidden', BYTES);
    s3.objects.set('other/p/6', BYTES);
    assert.equal((await listed(backend, 'p/')).length, 5);
    prepare('GET', { kind: 'endless' });
    await assert.rejects(listed(backend, 'p/'), (error) => isCoded(error, 'StoreLies'));
    assert.equal(s3.hits, 1);
  });

  it('that answers wrong bytes once does no harm to a restore', async () => {
    const store = await newStore(open());
    const disk = new SparseDisk(1_000_000);
    disk.write(100_000, randomBytes(600_000));
    const { root } = await backUp(store, disk);
    let flips = 0;
    s3.faultOf = (method, key) => {
      if (method !== 'GET' || !key.startsWith('a/p/') || flips > 0) return undefined;
      flips++;
      return { kind: 'flip' };
    };
    await assertRestores(store, root, disk);
    assert.equal(flips, 1);
  });
});

describe('an S3 service that cannot be reached', () => {
  it('is named', async () => {
    const backend = open();
    await s3[Symbol.asyncDispose]();
    await assert.rejects(
      backend.head('fmt'),
      (error) => isCoded(error, 'StoreIoFailed') && /no answer, ECONNREFUSED/.test(error.message),
    );
    s3 = await FaultyS3.start();
  });
});
