import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { parseFilterDate } from './filter/date.ts';
import {
  conditionsOf,
  type FilterNode,
  type FilterProperties,
  type FilterValue,
  matches,
  parseFilter,
} from './filter.ts';

const LEGAL = {
  status: 'string',
  count: 'number',
  isOpen: 'boolean',
  startTime: 'dateTime',
} as const satisfies FilterProperties;
const parse = (text: string) => parseFilter(text, LEGAL);
const utc = (text: string) => Date.parse(text);

test('what az and the SDKs send', () => {
  const filter = parse(
    "endTime eq '2023-01-20 12:00:00 AM' and startTime eq '2023-01-19 01:30:00 PM' and status eq 'Completed'".replace(
      'endTime',
      'startTime',
    ),
  );
  assert.deepEqual(conditionsOf(filter), [
    { property: 'startTime', operator: 'eq', value: utc('2023-01-20T00:00:00Z') },
    { property: 'startTime', operator: 'eq', value: utc('2023-01-19T13:30:00Z') },
    { property: 'status', operator: 'eq', value: 'Completed' },
  ]);
  assert.deepEqual(conditionsOf(undefined), []);
});

test('moments are read in every form they are written, and none that does not exist', () => {
  const cases: [string, string][] = [
    ['2023-01-20 12:00:00 AM', '2023-01-20T00:00:00Z'],
    ['2023-01-20 12:00:00 PM', '2023-01-20T12:00:00Z'],
    ['2023-01-20 11:59:59 pm', '2023-01-20T23:59:59Z'],
    ['2023-01-20', '2023-01-20T00:00:00Z'],
    ['2023-01-20T10:00:00', '2023-01-20T10:00:00Z'],
    ['2023-01-20T10:00:00.1234567Z', '2023-01-20T10:00:00.123Z'],
    ['2023-01-20T10:00:00+05:30', '2023-01-20T04:30:00Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
  ];
  for (const [text, iso] of cases) assert.equal(parseFilterDate(text), utc(iso), text);
  for (const text of [
    '2023-02-29',
    '2023-13-01',
    '2023-01-20 13:00:00 PM',
    '2023-01-20 00:10:00 AM',
    '2023-01-20T24:00:00Z',
    '2023-01-20T10:00:00+99:00',
    '0000-01-01',
    '99999-01-01',
    'yesterday',
    '',
  ]) {
    assert.equal(parseFilterDate(text), undefined, text);
  }
});

test('literals of every kind, quoted or not', () => {
  const values = (text: string) => conditionsOf(parse(text)).map((condition) => condition.value);
  assert.deepEqual(values("status eq 'it''s'"), ["it's"]);
  assert.deepEqual(values("count ge -7 and count lt '12'"), [-7, 12]);
  assert.deepEqual(values("isOpen eq true and ISOPEN ne 'False'"), [true, false]);
  assert.deepEqual(values("startTime gt datetime'2026-01-01T00:00:00Z' and startTime le 2026-01-02T00:00:00Z"), [
    utc('2026-01-01'),
    utc('2026-01-02'),
  ]);
});

test('or, not and parentheses bind as OData binds', () => {
  const holds = (text: string, record: Record<string, FilterValue>) => matches(parse(text), (name) => record[name]);
  const text = "status eq 'a' or status eq 'b' and count gt 5";
  assert.ok(holds(text, { status: 'A', count: 0 }));
  assert.ok(!holds(text, { status: 'b', count: 5 }));
  assert.ok(!holds(`(${text.replace(' and', ') and')}`, { status: 'a', count: 0 }));
  assert.ok(holds("not (status eq 'a')", { status: 'b' }));
  assert.ok(holds("status ne 'a'", {}));
  assert.ok(!holds("status eq 'a'", {}));
  assert.ok(matches(undefined, () => undefined));
});

test('what is wrong is named with its position and the legal names', () => {
  const cases: [text: string, message: RegExp][] = [
    ["' or 1 eq 1", /position 1: '' or 1 eq 1' is not understood/],
    ["colour eq 'x'", /position 1: 'colour' is no property to filter by; legal: status, count, isOpen, startTime/],
    ["__proto__ eq 'x'", /'__proto__' is no property/],
    ["constructor eq 'x'", /'constructor' is no property/],
    ["status like 'x'", /position 8: an operator is due; legal: eq, ne, gt, ge, lt, le/],
    ['status eq x', /position 11: 'status' is compared with a text in single quotes/],
    ["count eq 'many'", /compared with a number/],
    ["startTime eq '2023-02-30'", /compared with a moment/],
    ["status eq 'a' status eq 'b'", /position 15: 'status' where 'and', 'or' or the end is due/],
    ["(status eq 'a'", /position 15: a closing '\)' is missing/],
    ["status eq 'a' and", /position 18: a property name is due/],
    ["substringof('a')", /'substringof' is no property/],
    ["status eq 'a'; drop table", /position 14/],
    [`${'('.repeat(17)}status eq 'a'${')'.repeat(17)}`, /deeper than 16/],
    [`${'not '.repeat(17)}status eq 'a'`, /deeper than 16/],
    [`status eq '${'a'.repeat(2048)}'`, /longer than 2048/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parse(text),
      (error) => isCoded(error, 'InvalidFilter') && message.test(error.message),
      text.slice(0, 40),
    );
  }
  assert.throws(
    () => conditionsOf(parse("status eq 'a' or status eq 'b'")),
    (error) => isCoded(error, 'InvalidFilter'),
  );
  assert.ok(parse(`${'('.repeat(16)}status eq 'a'${')'.repeat(16)}`));
});

test('property: any text is a filter or an InvalidFilter, nothing else', () => {
  const piece = fc.constantFrom(
    'status',
    'count',
    ' ',
    'eq',
    'and',
    'or',
    'not',
    '(',
    ')',
    "'",
    "''",
    '1',
    '-',
    '.',
    'datetime',
    '2026-01-01',
    'T',
    'é',
    '\0',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        parse(given);
      } catch (error) {
        assert.ok(isCoded(error, 'InvalidFilter'), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('property: a written tree is read back, and decides as the tree does', () => {
  const condition = fc.oneof(
    fc.record(
      {
        kind: fc.constant('condition' as const),
        property: fc.constant('status'),
        operator: fc.constantFrom('eq' as const, 'ne' as const),
        value: fc.string({ maxLength: 6 }),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        kind: fc.constant('condition' as const),
        property: fc.constant('count'),
        operator: fc.constantFrom('eq' as const, 'lt' as const, 'ge' as const),
        value: fc.integer({ min: -5, max: 5 }),
      },
      { noNullPrototype: true },
    ),
  );
  const { node } = fc.letrec<{ node: FilterNode }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      condition,
      fc.record(
        { kind: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') },
        { noNullPrototype: true },
      ),
      fc.record({ kind: fc.constant('not' as const), inner: tie('node') }, { noNullPrototype: true }),
    ),
  }));
  const write = (tree: FilterNode): string => {
    if (tree.kind === 'condition')
      return `${tree.property} ${tree.operator} ${typeof tree.value === 'string' ? `'${tree.value.replaceAll("'", "''")}'` : tree.value}`;
    return tree.kind === 'not'
      ? `not (${write(tree.inner)})`
      : `(${write(tree.left)}) ${tree.kind} (${write(tree.right)})`;
  };
  fc.assert(
    fc.property(node, fc.string({ maxLength: 3 }), fc.integer({ min: -5, max: 5 }), (tree, status, count) => {
      const text = write(tree);
      fc.pre(text.length <= 2048);
      const filter = parse(text);
      assert.deepEqual(filter.root, tree);
      const read = (name: string) => (name === 'status' ? status : count);
      const decide = (at: FilterNode): boolean => {
        if (at.kind === 'and') return decide(at.left) && decide(at.right);
        if (at.kind === 'or') return decide(at.left) || decide(at.right);
        return at.kind === 'not' ? !decide(at.inner) : matches({ text: '', root: at }, read);
      };
      assert.equal(matches(filter, read), decide(tree));
    }),
  );
});
