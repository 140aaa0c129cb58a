import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonicalJson.ts';

it('canonical JSON is the same for members in any order, and reads back to the same value', () => {
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined, A: true }),
    '{"A":true,"b":[1,{"c":"x","d":null}]}',
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse());
      assert.equal(canonicalJson(turned), canonicalJson(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

it('canonical JSON refuses what JSON cannot say', () => {
  assert.throws(() => canonicalJson({ a: Number.NaN }), TypeError);
  assert.throws(() => canonicalJson(() => 1), TypeError);
  assert.throws(() => canonicalJson(undefined), TypeError);
});
