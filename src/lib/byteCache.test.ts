import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ByteCache } from './byteCache.ts';

it('a byte cache lets go what was not used for longest, and never holds more than it may', () => {
  const cache = new ByteCache<string, number>(100);
  cache.set('a', 1, 40);
  cache.set('b', 2, 40);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3, 40);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
  cache.set('a', 4, 10);
  assert.equal(cache.sizeBytes, 50);
  cache.set('huge', 5, 101);
  assert.deepEqual([cache.get('huge'), cache.get('a')], [undefined, 4]);
  cache.delete('a');
  cache.delete('c');
  assert.equal(cache.sizeBytes, 0);
});
