import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../../lib/error.ts';
import { parseJsonBody } from './jsonBody.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));
const refused = (error: unknown): boolean => isCoded(error, 'InvalidRequestContent');

test('property: what JSON.stringify writes is read as JSON.parse reads it', () => {
  const value = fc
    .jsonValue({ maxDepth: 8 })
    .filter((json) => !/"(__proto__|constructor)":/.test(JSON.stringify(json)));
  fc.assert(
    fc.property(value, (json) => {
      const text = JSON.stringify(json, null, 1);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

test('property: any bytes are a value, nothing, or InvalidRequestContent', () => {
  const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '1', '-', 'e', ' ', 'null'), {
    maxLength: 30,
  });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    pieces.map((all) => Buffer.from(all.join(''))),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      try {
        parseJsonBody(given);
      } catch (error) {
        assert.ok(refused(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('the limits stand where they are said to stand', () => {
  const arrays = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const fields = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;
  assert.ok(parse(arrays(32)));
  assert.throws(() => parse(arrays(33)), refused);
  assert.ok(parse(fields(10_000)));
  assert.throws(() => parse(fields(10_001)), refused);
  assert.equal((parse(`{"a":"${'x'.repeat(1_000_000)}"}`) as { a: string }).a.length, 1_000_000);
});

test('a key may come again in another object, not in the same', () => {
  assert.deepEqual(parse('{"a":{"a":[{"a":1},{"a":2}]},"b":"a"}'), { a: { a: [{ a: 1 }, { a: 2 }] }, b: 'a' });
  for (const text of ['{"a":1,"a":2}', '{"b":{"a":1,"c":[],"a":2}}', '{"a":[1],"\\u0061":2}', '[{"x":{},"x":{}}]']) {
    assert.throws(() => parse(text), refused, text);
  }
});

test('nothing is nothing; what only looks like JSON is refused', () => {
  assert.equal(parse(''), undefined);
  assert.equal(parse(' \n'), undefined);
  for (const text of [
    '{"a":1e400}',
    '[-1e999]',
    '{"__proto__":1}',
    '{"\\u005f\\u005fproto__":1}',
    '{"a":{"constructor":1}}',
    '\uFEFF{}',
    '{"a":1}x',
    "{'a':1}",
    '{"a":"\u0001"}',
  ]) {
    assert.throws(() => parse(text), refused, text);
  }
  assert.deepEqual(parse('{"a":"__proto__","b":["constructor"]}'), { a: '__proto__', b: ['constructor'] });
});
