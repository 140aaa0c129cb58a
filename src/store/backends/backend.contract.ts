import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import type { Backend, ObjectInfo } from '../backend.ts';

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export const listed = async (backend: Backend, prefix: string): Promise<readonly ObjectInfo[]> => {
  const objects: ObjectInfo[] = [];
  for await (const object of backend.list(prefix)) objects.push(object);
  return objects.sort((a, b) => (a.name < b.name ? -1 : 1));
};

/** What every backend does. `open` gives an empty one each time. */
export const backendContract = (kind: string, open: () => Promise<Backend>): void => {
  keepsObjects(kind, open);
  namesObjects(kind, open);
};

const keepsObjects = (kind: string, open: () => Promise<Backend>): void => {
  describe(`the backend contract, ${kind}`, () => {
    it('gives back what was put, whole and in ranges', async () => {
      const backend = await open();
      const bytes = new Uint8Array(randomBytes(300_000));
      assert.equal(await backend.put('p/ab/one.0.ff', bytes), 'created');
      assert.deepEqual(new Uint8Array(await backend.get('p/ab/one.0.ff')), bytes);
      const part = await backend.get('p/ab/one.0.ff', { offset: 7, length: 299_993 });
      assert.deepEqual(new Uint8Array(part), bytes.subarray(7));
      assert.deepEqual(await backend.head('p/ab/one.0.ff'), { sizeBytes: 300_000 });
    });

    it('keeps an empty object', async () => {
      const backend = await open();
      await backend.put('gc/1', new Uint8Array(0));
      assert.equal((await backend.get('gc/1')).length, 0);
      assert.deepEqual(await listed(backend, 'gc/'), [{ name: 'gc/1', sizeBytes: 0 }]);
    });

    it('puts only if absent', async () => {
      const backend = await open();
      await backend.put('fmt', bytesOf('first'));
      assert.equal(await backend.put('fmt', bytesOf('second')), 'exists');
      assert.deepEqual(Buffer.from(await backend.get('fmt')).toString(), 'first');
    });

    it('lets one of many racing puts win', async () => {
      const backend = await open();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, number) => backend.put('keys/1', bytesOf(`put ${number}`))),
      );
      assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1);
      const winner = outcomes.indexOf('created');
      assert.equal(Buffer.from(await backend.get('keys/1')).toString(), `put ${winner}`);
    });

    it('keeps its own copy of the bytes', async () => {
      const backend = await open();
      const bytes = bytesOf('mine');
      await backend.put('fmt', bytes);
      bytes.fill(0);
      const read = await backend.get('fmt');
      assert.equal(Buffer.from(read).toString(), 'mine');
      read.fill(0);
      assert.equal(Buffer.from(await backend.get('fmt')).toString(), 'mine');
    });

    it('does not start a put that is cancelled already', async () => {
      const backend = await open();
      const cancelled = AbortSignal.abort(new Error('cancelled'));
      await assert.rejects(backend.put('fmt', bytesOf('x'), cancelled), /cancelled/);
      assert.equal(await backend.head('fmt'), undefined);
    });
  });
};

const namesObjects = (kind: string, open: () => Promise<Backend>): void => {
  describe(`names under the backend contract, ${kind}`, () => {
    it('lists by prefix, also within a name', async () => {
      const backend = await open();
      for (const name of ['p/ab/abc.0.x', 'p/ab/abd.0.x', 'p/cd/cde.0.x', 'rp/item/1', 'fmt']) {
        await backend.put(name, bytesOf(name));
      }
      const names = async (prefix: string) => (await listed(backend, prefix)).map(({ name }) => name);
      assert.deepEqual(await names('p/ab/abc.'), ['p/ab/abc.0.x']);
      assert.deepEqual(await names('p/ab/'), ['p/ab/abc.0.x', 'p/ab/abd.0.x']);
      assert.deepEqual(await names('p/'), ['p/ab/abc.0.x', 'p/ab/abd.0.x', 'p/cd/cde.0.x']);
      assert.deepEqual(await names(''), ['fmt', 'p/ab/abc.0.x', 'p/ab/abd.0.x', 'p/cd/cde.0.x', 'rp/item/1']);
      assert.deepEqual(await names('nothing/'), []);
      assert.deepEqual((await listed(backend, 'rp/'))[0], { name: 'rp/item/1', sizeBytes: 9 });
    });

    it('deletes, and deletes what is not there', async () => {
      const backend = await open();
      await backend.put('p/ab/x', bytesOf('x'));
      await backend.delete('p/ab/x');
      await backend.delete('p/ab/x');
      await backend.delete('never/was');
      assert.equal(await backend.head('p/ab/x'), undefined);
      assert.deepEqual(await listed(backend, ''), []);
      assert.equal(await backend.put('p/ab/x', bytesOf('again')), 'created');
    });

    it('says what is missing and what is too short', async () => {
      const backend = await open();
      await backend.put('fmt', bytesOf('four'));
      await assert.rejects(backend.get('gone'), (error) => isCoded(error, 'StoreObjectMissing'));
      await assert.rejects(backend.get('p/ab/gone'), (error) => isCoded(error, 'StoreObjectMissing'));
      const range = { offset: 2, length: 3 };
      await assert.rejects(backend.get('fmt', range), (error) => isCoded(error, 'StoreDataDamaged'));
      assert.equal(await backend.head('p/ab/gone'), undefined);
    });

    for (const name of [
      '',
      '/fmt',
      'a//b',
      '../fmt',
      'p/../fmt',
      '.tmp/x',
      'a\\b',
      'a b',
      'a\0b',
      'ä',
      'a/'.repeat(300),
    ]) {
      it(`refuses the name ${JSON.stringify(name.slice(0, 20))}`, async () => {
        const backend = await open();
        for (const call of [
          backend.put(name, bytesOf('x')),
          backend.get(name),
          backend.head(name),
          backend.delete(name),
        ]) {
          await assert.rejects(call, (error) => isCoded(error, 'InvalidParameter'));
        }
      });
    }
  });
};
