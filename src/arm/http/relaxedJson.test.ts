import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../../lib/error.ts';
import { parseJsonBody } from './jsonBody.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text), true);

test('a template is read as its author wrote it', () => {
  const text = `{"properties": {"mode": "Incremental", template:{
    // one line
    "a": 'it\\'s "so"', /* several
      lines */ b: [1, 2, /* and the last */ ],
    "c//d": "http://x/*y*/", $e: "two
lines", f: {g: true, h: null,},
  }}}`;
  assert.deepEqual(parse(text), {
    properties: {
      mode: 'Incremental',
      template: {
        ...{ a: `it's "so"`, b: [1, 2], 'c//d': 'http://x/*y*/' },
        ...{ $e: 'two\nlines', f: { g: true, h: null } },
      },
    },
  });
});

test('it must still be JSON, within the limits of every body', () => {
  for (const text of [
    ...['{a}', '{a: b}', "{'a: 1}", '{"a": 1} // \n x', '{a:1, "a":2}', "{a:1, 'a':2}", '[1 2]', '/*', '{a:/1}'],
    ...['{__proto__: 1}', "{'constructor': 1}", '[,]{', '{,:1}', '['.repeat(33) + ']'.repeat(33), '{a:1e999}'],
  ])
    assert.throws(
      () => parse(text),
      (error) => isCoded(error, 'InvalidRequestContent'),
      text,
    );
  assert.throws(() => parseJsonBody(Buffer.from('{a:1}')), 'only where it is allowed');
});

test('a long body takes no longer than its length', () => {
  for (const piece of ['/*', '"a', ',/**/', 'a ', "'"]) {
    const text = piece.repeat(2 ** 20 / piece.length);
    assert.throws(
      () => parse(text),
      (error) => isCoded(error, 'InvalidRequestContent'),
      piece,
    );
  }
});

test('property: strict JSON means the same', () => {
  const isLegal = (json: unknown) => !/"(__proto__|constructor)":/.test(JSON.stringify(json));
  const value = fc.jsonValue({ maxDepth: 6 }).filter(isLegal);
  fc.assert(
    fc.property(value, (json) =>
      assert.deepEqual(parse(JSON.stringify(json, null, 1)), JSON.parse(JSON.stringify(json))),
    ),
  );
});

test('property: any text ends as a value or a refusal', () => {
  const pieces = fc.array(
    fc.constantFrom('{', '}', '[', ']', ',', ':', '"', "'", '\\', 'a', '1', '//', '/*', '*/', '\n'),
  );
  fc.assert(
    fc.property(pieces, (all) => {
      try {
        parse(all.join(''));
      } catch (error) {
        assert.ok(isCoded(error, 'InvalidRequestContent'), String(error));
      }
    }),
    { numRuns: 500 },
  );
});
