import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import type { Backend, ObjectLock } from '../backend.ts';

const DAY_MS = 86_400_000;
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** What every backend with a lock does. `open` gives an empty one each time, whose puts are locked for 7 days. */
export const lockContract = (kind: string, open: () => Promise<Backend>, now: () => number): void => {
  const opened = async (): Promise<{ backend: Backend; lock: ObjectLock }> => {
    const backend = await open();
    assert.ok(backend.lock);
    return { backend, lock: backend.lock };
  };
  describe(`the contract of locks, ${kind}`, () => {
    it('locks at the put', async () => {
      const { backend, lock } = await opened();
      const before = now();
      assert.equal(await backend.put('p/ab/one', bytesOf('one')), 'created');
      const until = (await lock.retainedUntil('p/ab/one')) ?? 0;
      // whole seconds are all that some storages keep
      assert.ok(until >= before + 7 * DAY_MS - 1000, `locked until ${until}`);
      assert.ok(until <= now() + 7 * DAY_MS + 1000, `locked until ${until}`);
    });

    it('extends, and never shortens', async () => {
      const { backend, lock } = await opened();
      await backend.put('p/ab/one', bytesOf('one'));
      const until = now() + 30 * DAY_MS;
      await lock.extend('p/ab/one', until);
      const extended = (await lock.retainedUntil('p/ab/one')) ?? 0;
      assert.ok(extended >= until && extended <= until + 1000, `locked until ${extended}`);
      await lock.extend('p/ab/one', now() + DAY_MS);
      assert.equal(await lock.retainedUntil('p/ab/one'), extended);
      await Promise.all([40, 60, 50].map((days) => lock.extend('p/ab/one', now() + days * DAY_MS)));
      assert.ok(((await lock.retainedUntil('p/ab/one')) ?? 0) >= now() + 59 * DAY_MS);
    });

    it('keeps what is locked from being deleted', async () => {
      const { backend } = await opened();
      await backend.put('p/ab/one', bytesOf('one'));
      await assert.rejects(
        backend.delete('p/ab/one'),
        (error) => isCoded(error, 'StoreObjectLocked') && error.target === 'p/ab/one' && /until 2/.test(error.message),
      );
      assert.equal(await backend.put('p/ab/one', bytesOf('other')), 'exists');
      assert.equal(Buffer.from(await backend.get('p/ab/one')).toString(), 'one');
      assert.deepEqual(await backend.head('p/ab/one'), { sizeBytes: 3 });
    });

    it('says what is missing', async () => {
      const { lock } = await opened();
      await assert.rejects(lock.retainedUntil('p/ab/none'), (error) => isCoded(error, 'StoreObjectMissing'));
      await assert.rejects(lock.extend('p/ab/none', now() + DAY_MS), (error) => isCoded(error, 'StoreObjectMissing'));
    });
  });
};
