import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CodedError, isCoded } from '../../lib/error.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import type { Backend, ObjectLock } from '../backend.ts';
import { openBackend } from '../openBackend.ts';
import { backendContract, listed } from './backend.contract.ts';
import { MemoryBackend } from './memory.ts';
import { ReplicatedBackend } from './replicated.ts';

const NAMES = ['zone-a', 'zone-b', 'zone-c'];

/** A place that can be down, hang or be full; what it does while it hangs goes on when it is let go. */
class Zone implements Backend {
  readonly inner: Backend;
  state: 'up' | 'down' | 'hangs' | 'full' = 'up';
  calls = 0;
  lock?: ObjectLock;
  #held: (() => void)[] = [];

  constructor(inner: Backend = new MemoryBackend()) {
    this.inner = inner;
  }

  letGo(): void {
    this.state = 'up';
    for (const go of this.#held.splice(0)) go();
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal) {
    await this.#pass();
    if (this.state === 'full') throw new CodedError('StoreFull', 'no space');
    return this.inner.put(name, bytes, this.state === 'up' ? undefined : signal);
  }

  async get(name: string, range?: { offset: number; length: number }) {
    await this.#pass();
    return this.inner.get(name, range);
  }

  async head(name: string) {
    await this.#pass();
    return this.inner.head(name);
  }

  async *list(prefix: string) {
    await this.#pass();
    yield* this.inner.list(prefix);
  }

  async delete(name: string) {
    await this.#pass();
    return this.inner.delete(name);
  }

  async #pass(): Promise<void> {
    this.calls++;
    if (this.state === 'hangs') await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.state === 'down') throw new CodedError('StoreIoFailed', 'connection refused');
  }
}

class Zones {
  readonly clock = new TurnedClock();
  readonly zones: readonly [Zone, Zone, Zone] = [new Zone(), new Zone(), new Zone()];
  readonly store: ReplicatedBackend;

  constructor(zones?: readonly [Zone, Zone, Zone]) {
    if (zones) this.zones = zones;
    this.store = new ReplicatedBackend(
      this.zones.map((backend, index) => ({ name: NAMES[index]!, backend })),
      2,
      this.clock,
    );
  }

  /** In how many zones the object lies. */
  async copiesOf(name: string): Promise<number> {
    const found = await Promise.all(this.zones.map(({ inner }) => inner.head(name)));
    return found.filter((one) => one).length;
  }
}

const object = (bytes: Uint8Array = randomBytes(1000)) => ({
  name: `p/ab/${'ab'.repeat(16)}.0.${createHash('sha256').update(bytes).digest('hex')}`,
  bytes: new Uint8Array(bytes),
});
const coded = (code: CodedError['code'], text?: RegExp) => (error: unknown) =>
  isCoded(error, code) && (text?.test(error.message) ?? true);

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});
backendContract('three copies in memory', async () => new Zones().store);
backendContract('three copies on disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-zones-'));
  folders.push(folder);
  const copies = NAMES.map((name) => ({ kind: 'disk', folder: join(folder, name) }) as const);
  return openBackend({ kind: 'replicated', copies, quorum: 2, names: NAMES });
});

describe('puts to three copies of which two must have it', () => {
  it('reach all three', async () => {
    const zones = new Zones();
    const { name, bytes } = object();
    assert.equal(await zones.store.put(name, bytes), 'created');
    assert.deepEqual(await zones.store.gaps(), []);
    assert.equal(await zones.copiesOf(name), 3);
  });

  it('count with one zone down, and the gap is told once', async () => {
    const zones = new Zones();
    zones.zones[1].state = 'down';
    const { name, bytes } = object();
    await zones.store.put(name, bytes);
    assert.deepEqual(await zones.store.gaps(), [{ place: 'zone-b', missed: 1, why: 'connection refused' }]);
    assert.deepEqual(await zones.store.gaps(), []);
    assert.deepEqual(await zones.store.get(name), bytes);
  });

  it('fail with two zones down, and name them', async () => {
    const zones = new Zones();
    zones.zones[0].state = 'down';
    zones.zones[2].state = 'down';
    const { name, bytes } = object();
    const error = coded('StoreQuorumMissing', /2 of 3 places.*zone-a: connection refused; zone-c/);
    await assert.rejects(zones.store.put(name, bytes), error);
    zones.zones[2].state = 'up';
    assert.equal(await zones.store.put(name, bytes), 'exists', 'a zone at rest is asked when it is needed');
    assert.equal(await zones.copiesOf(name), 2);
  });

  it('are not answered before the quorum has it', async () => {
    const zones = new Zones();
    zones.zones[1].state = 'hangs';
    zones.zones[2].state = 'hangs';
    const { name, bytes } = object();
    let isAnswered = false;
    const put = zones.store.put(name, bytes).finally(() => {
      isAnswered = true;
    });
    const failed = assert.rejects(put, coded('StoreQuorumMissing', /zone-b does not answer.*zone-c does not answer/));
    await zones.clock.turn(29_000);
    assert.equal(isAnswered, false);
    await zones.clock.turn(10_000);
    await failed;
  });

  it('say that the store is full when it is that', async () => {
    const zones = new Zones();
    for (const zone of zones.zones) zone.state = 'full';
    const { name, bytes } = object();
    await assert.rejects(zones.store.put(name, bytes), coded('StoreFull'));
  });

  it('do not wait for a zone that hangs; its bytes are its own', async () => {
    const zones = new Zones();
    zones.zones[0].state = 'hangs';
    const { name, bytes } = object();
    const right = new Uint8Array(bytes);
    assert.equal(await zones.store.put(name, bytes), 'created');
    bytes.fill(0);
    zones.zones[0].letGo();
    assert.deepEqual(await zones.store.gaps(), []);
    assert.deepEqual(new Uint8Array(await zones.zones[0].inner.get(name)), right);
  });

  it('hold a bounded number of late bytes, then go on without the zone that hangs', async () => {
    const zones = new Zones();
    zones.zones[0].state = 'hangs';
    const objects = Array.from({ length: 12 }, () => object());
    let done = 0;
    const puts = objects.map(({ name, bytes }) => zones.store.put(name, bytes).then(() => done++));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(zones.zones[0].calls, 4, 'four are under way');
    assert.equal(done, 4, 'and hold up nobody; the others wait for their turn');
    await zones.clock.turn(60_000);
    await Promise.all(puts);
    assert.equal(zones.zones[0].calls, 4, 'a zone that is behind is given no more');
    const [gap, ...others] = await zones.store.gaps();
    assert.deepEqual([gap?.place, gap?.missed, others], ['zone-a', 12, []]);
  });

  it('leave a zone that failed alone, then try it with one put', async () => {
    const zones = new Zones();
    zones.zones[2].state = 'down';
    for (let i = 0; i < 5; i++) await zones.store.put(object().name, object().bytes);
    await zones.store.gaps();
    assert.equal(zones.zones[2].calls, 1);
    zones.zones[2].letGo();
    await zones.clock.turn(15_000);
    const { name, bytes } = object();
    await zones.store.put(name, bytes);
    assert.deepEqual(await zones.store.gaps(), []);
    assert.equal(await zones.copiesOf(name), 3);
  });

  it('end when they are cancelled', async () => {
    const zones = new Zones();
    for (const zone of zones.zones) zone.state = 'hangs';
    const stop = new AbortController();
    const put = zones.store.put(object().name, object().bytes, stop.signal);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('cancelled'));
    await assert.rejects(put, /cancelled/);
  });

  it('give a name without a hash one meaning everywhere', async () => {
    const zones = new Zones();
    await zones.zones[2].inner.put('keys/1', Buffer.from('the first'));
    assert.equal(await zones.store.put('keys/1', Buffer.from('another')), 'exists');
    await zones.store.gaps();
    for (const { inner } of zones.zones)
      assert.equal(Buffer.from(await inner.get('keys/1')).toString(), 'the first', 'also where it was missing');
  });
});

describe('reads from three copies', () => {
  it('take the next copy when the bytes are wrong, missing or cut off', async () => {
    const zones = new Zones();
    const { name, bytes } = object();
    await zones.zones[0].inner.put(name, randomBytes(10));
    await zones.zones[2].inner.put(name, bytes);
    assert.deepEqual(new Uint8Array(await zones.store.get(name)), bytes);
    const part = await zones.store.get(name, { offset: 500, length: 500 });
    assert.deepEqual(new Uint8Array(part), bytes.subarray(500));
  });

  it('call nothing damaged or missing that a silent zone may have', async () => {
    const zones = new Zones();
    const { name } = object();
    await zones.zones[0].inner.put(name, randomBytes(10));
    zones.zones[2].state = 'down';
    await assert.rejects(zones.store.get(name), coded('StoreIoFailed', /zone-a: .*SHA-256.*zone-c: connection/));
    zones.zones[2].state = 'up';
    await assert.rejects(zones.store.get(name), coded('StoreDataDamaged'));
    await assert.rejects(zones.store.get(object().name), coded('StoreObjectMissing'));
  });

  it('do not hang with a zone', async () => {
    const zones = new Zones();
    const { name, bytes } = object();
    await zones.store.put(name, bytes);
    await zones.store.gaps();
    zones.zones[0].state = 'hangs';
    const reading = zones.store.get(name, { offset: 0, length: 1000 });
    await zones.clock.turn(120_000);
    assert.deepEqual(new Uint8Array(await reading), bytes);
  });
});

describe('listings and deletions of three copies', () => {
  it('list what any copy has, each name once', async () => {
    const zones = new Zones();
    await zones.zones[0].inner.put('p/ab/one', randomBytes(1));
    await zones.zones[1].inner.put('p/ab/one', randomBytes(3));
    await zones.zones[2].inner.put('rp/item/two', randomBytes(2));
    assert.deepEqual(await listed(zones.store, ''), [
      { name: 'p/ab/one', sizeBytes: 3 },
      { name: 'rp/item/two', sizeBytes: 2 },
    ]);
  });

  it('know with one zone down, and do not guess with two', async () => {
    const zones = new Zones();
    zones.zones[0].state = 'down';
    assert.deepEqual(await listed(zones.store, 'rp/'), []);
    assert.equal(await zones.store.head('fmt'), undefined);
    zones.zones[1].state = 'down';
    await assert.rejects(listed(zones.store, 'rp/'), coded('StoreQuorumMissing'));
    await assert.rejects(zones.store.head('fmt'), coded('StoreQuorumMissing', /zone-a: .*zone-b: /));
  });

  it('delete everywhere or say where not', async () => {
    const zones = new Zones();
    const { name, bytes } = object();
    await zones.store.put(name, bytes);
    await zones.store.gaps();
    zones.zones[1].state = 'down';
    await assert.rejects(zones.store.delete(name), coded('StoreIoFailed', /zone-b: connection refused/));
    zones.zones[1].state = 'up';
    await zones.store.delete(name);
    assert.equal(await zones.copiesOf(name), 0);
  });

  it('lock as weakly as the weakest copy, and only when all can', async () => {
    const [a, b, c] = [new Zone(), new Zone(), new Zone()];
    assert.equal(new Zones([a, b, c]).store.lock, undefined);
    const untils = [10, 20, 30];
    [a, b, c].forEach((zone, index) => {
      zone.lock = {
        retainedUntil: async () => untils[index],
        extend: async (_name, until) => {
          untils[index] = Math.max(until, untils[index]!);
        },
      };
    });
    const { lock } = new Zones([a, b, c]).store;
    assert.equal(await lock?.retainedUntil('fmt'), 10);
    await lock?.extend('fmt', 25);
    assert.deepEqual(untils, [25, 25, 30]);
  });
});
