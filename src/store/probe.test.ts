import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CodedError, isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import type { Backend, ObjectInfo, ObjectLock } from './backend.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { probeBackend, requireSuitable } from './probe.ts';

const clock = new TurnedClock();
const memory = createMemoryBackend();

/** A backend in memory whose calls are other than they should be. */
const changed = (change: (inner: Backend) => Partial<Backend>): Backend => {
  const inner = createMemoryBackend();
  const calls: Backend = {
    put: (...words) => inner.put(...words),
    get: (...words) => inner.get(...words),
    head: (...words) => inner.head(...words),
    list: (...words) => inner.list(...words),
    delete: (...words) => inner.delete(...words),
  };
  return { ...calls, ...change(inner) };
};

const broken = async (backend: Backend): Promise<readonly string[]> => {
  const { promises } = await probeBackend(backend, { clock });
  return promises.filter(({ kept }) => !kept).map(({ promise }) => promise);
};

describe('a probe', () => {
  it('finds a storage that keeps all promises, and leaves nothing there', async () => {
    const report = await probeBackend(memory, { clock });
    requireSuitable(report);
    assert.deepEqual(
      report.promises.map(({ promise, kept }) => `${promise} ${kept}`),
      [
        'put if absent true',
        'racing puts true',
        'read after write true',
        'read of a range true',
        'size after write true',
        'list after write true',
        'absence true',
        'delete true',
      ],
    );
    for await (const { name } of memory.list('')) assert.fail(`${name} was left`);
  });

  const race = 'racing puts';
  const cases: readonly (readonly [string, readonly string[], (inner: Backend) => Partial<Backend>])[] = [
    [
      'takes second puts',
      ['put if absent', race],
      (inner) => ({ put: async (...words) => (await inner.put(...words)) && 'created' }),
    ],
    [
      'overwrites',
      ['put if absent', 'read after write', 'read of a range', 'size after write', 'list after write'],
      (inner) => ({
        put: async (name, bytes) => {
          const isThere = (await inner.head(name)) !== undefined;
          if (isThere && !name.endsWith('-race')) await inner.delete(name);
          const outcome = await inner.put(name, bytes);
          return isThere ? 'exists' : outcome;
        },
      }),
    ],
    [
      'looks before it puts, and no more',
      [race],
      (inner) => ({
        put: async (name, bytes) => {
          const isThere = (await inner.head(name)) !== undefined;
          await Promise.resolve();
          if (!isThere) await inner.put(name, bytes);
          return isThere ? 'exists' : 'created';
        },
      }),
    ],
    ['ignores ranges', ['read of a range'], (inner) => ({ get: (name) => inner.get(name) })],
    [
      'cuts ranges short',
      ['read of a range'],
      (inner) => ({
        get: async (name, range) => (await inner.get(name)).slice(range?.offset, range && range.offset + range.length),
      }),
    ],
    ['has stale sizes', ['size after write', 'delete'], () => ({ head: async () => ({ sizeBytes: 1 }) })],
    ['has stale listings', ['list after write'], () => ({ list: () => none() })],
    ['lists by folders', ['list after write'], (inner) => ({ list: () => inner.list('probe/') })],
    ['makes up objects', ['absence'], (inner) => ({ get: (name) => orEmpty(inner, name) })],
    ['forgets deletes', ['delete'], () => ({ delete: async () => {} })],
  ];
  for (const [word, promises, change] of cases) {
    it(`finds a storage that ${word}`, async () => {
      const found = await broken(changed(change));
      for (const promise of promises) assert.ok(found.includes(promise), `${promise} in ${found.join(', ')}`);
      if (word.startsWith('looks') || word.startsWith('forgets')) assert.deepEqual(found, promises);
    });
  }

  it('takes a user who may not delete, but not one who is refused and deletes', async () => {
    const refusing = async (): Promise<void> => {
      throw new CodedError('DaemonRefused', 'not you');
    };
    assert.deepEqual(await broken(changed(() => ({ delete: refusing }))), []);
    const lying = changed((inner) => ({
      delete: async (name) => {
        await inner.delete(name);
        return refusing();
      },
    }));
    assert.deepEqual(await broken(lying), ['delete']);
  });

  it('names what is not kept when a store is refused', async () => {
    const report = await probeBackend(
      changed(() => ({ delete: async () => {} })),
      { clock },
    );
    assert.throws(
      () => requireSuitable(report),
      (error) =>
        isCoded(error, 'StorePlaceUnsuitable') &&
        /\(delete\)/.test(error.message) &&
        error.details[0]?.message === 'an object is there after its deletion',
    );
  });

  it("ends with the storage's own error when nothing can be put, or nothing more", async () => {
    const full = changed((inner) => ({
      put: async (name, bytes) => {
        if (name.endsWith('-race')) throw new CodedError('StoreFull', 'full');
        return inner.put(name, bytes);
      },
    }));
    await assert.rejects(broken(full), (error) => isCoded(error, 'StoreFull'));
    const closed = changed(() => ({
      put: async () => {
        throw new CodedError('StoreIoFailed', 'wrong key');
      },
    }));
    await assert.rejects(broken(closed), /wrong key/);
  });

  it('tells how far the clocks are apart', async () => {
    const late = changed(() => ({ storageNow: async () => clock.now() - 3_600_000 }));
    assert.equal((await probeBackend(late, { clock })).clockDifferenceMs, -3_600_000);
    assert.equal((await probeBackend(memory, { clock })).clockDifferenceMs, undefined);
  });

  it('tries a lock', async () => {
    assert.deepEqual(await broken(locking({})), []);
    assert.deepEqual(await broken(locking({ landingMs: 0 })), ['lock at the put']);
    assert.deepEqual(await broken(locking({ extend: () => {} })), ['lock extended', 'lock not shortened']);
    const shortened = locking({ extend: (untils, name, until) => untils.set(name, until) });
    assert.deepEqual(await broken(shortened), ['lock not shortened']);
    assert.deepEqual(await broken(locking({ deletes: true })), ['locked objects stay']);
  });
});

interface Locking {
  readonly landingMs?: number;
  readonly deletes?: boolean;
  readonly extend?: (untils: Map<string, number>, name: string, until: number) => unknown;
}

const locking = ({ landingMs = 1_000_000, deletes = false, extend = keepLongest }: Locking): Backend => {
  const untils = new Map<string, number>();
  const lock: ObjectLock = {
    retainedUntil: async (name) => untils.get(name),
    extend: async (name, until) => void extend(untils, name, until),
  };
  return changed((inner) => ({
    lock,
    put: async (name, bytes) => {
      const outcome = await inner.put(name, bytes);
      if (outcome === 'created' && landingMs > 0) untils.set(name, clock.now() + landingMs);
      return outcome;
    },
    delete: async (name) => {
      if (!deletes) throw new CodedError('StoreObjectLocked', 'locked');
      await inner.delete(name);
    },
  }));
};

const keepLongest = (untils: Map<string, number>, name: string, until: number): void => {
  untils.set(name, Math.max(until, untils.get(name) ?? 0));
};

const orEmpty = async (inner: Backend, name: string): Promise<Uint8Array> =>
  (await inner.head(name)) ? inner.get(name) : new Uint8Array(0);

async function* none(): AsyncIterable<ObjectInfo> {}
