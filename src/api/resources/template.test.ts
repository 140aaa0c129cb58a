import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../../lib/error.ts';
import { evaluateTemplate } from './template.ts';

const WHERE = {
  subscriptionId: '11111111-2222-3333-4444-555555555555',
  tenantId: '99999999-8888-7777-6666-555555555555',
  resourceGroup: { name: 'lab', location: 'westeurope' },
};
const SCOPE = `/subscriptions/${WHERE.subscriptionId}/resourceGroups/lab/providers`;

const resource = (name: string, more: object = {}) => ({
  ...{ type: 'Microsoft.Network/virtualNetworks', apiVersion: '2022-01-01', name, location: 'westeurope' },
  ...more,
});
const run = (template: object, given: Record<string, unknown> = {}) =>
  evaluateTemplate({ resources: [], ...template }, given, WHERE);
const faultOf = (template: object, given: Record<string, unknown> = {}): string => {
  try {
    run(template, given);
  } catch (error) {
    assert.ok(error instanceof CodedError && error.code === 'InvalidTemplate', String(error));
    return error.message;
  }
  throw new Error('the template was taken');
};
/** The value that one expression comes to. */
const resultOf = (expression: string, template: object = {}, given: Record<string, unknown> = {}) =>
  run({ ...template, outputs: { it: { type: 'object', value: expression } } }, given).outputs.it?.value;

test('expressions come to what Azure makes of them', () => {
  assert.equal(resultOf('plain'), 'plain');
  assert.equal(resultOf('[[not an expression]'), '[not an expression]');
  assert.equal(resultOf("[concat('a', 'it''s', 3)]"), "ait's3");
  assert.equal(resultOf('[resourceGroup().location]'), 'westeurope');
  assert.equal(resultOf('[subscription().subscriptionId]'), WHERE.subscriptionId);
  assert.equal(
    resultOf("[toLower(concat('A', variables('b')))]", { variables: { b: "[concat('B', variables('c'))]", c: 'C' } }),
    'abc',
  );
  assert.equal(resultOf("[variables('list')[1].name]", { variables: { list: [{ name: 'x' }, { name: 'y' }] } }), 'y');
  assert.equal(
    resultOf("[resourceId('Microsoft.Network/virtualNetworks/subnets', 'n', 's')]"),
    `${SCOPE}/Microsoft.Network/virtualNetworks/n/subnets/s`,
  );
  assert.equal(
    resultOf("[resourceId('other', 'Microsoft.Compute/disks', parameters('d'))]", {
      parameters: { d: { type: 'string', defaultValue: 'os' } },
    }),
    `/subscriptions/${WHERE.subscriptionId}/resourceGroups/other/providers/Microsoft.Compute/disks/os`,
  );
});

test('what is not known is named', () => {
  const fault = (expression: string, more: object = {}) => faultOf({ ...more, outputs: { it: { value: expression } } });
  assert.match(fault("[reference('x')]"), /calls 'reference', which is not known here; known are parameters/);
  assert.match(fault("[parameters('none')]"), /calls 'parameters' with what it does not take or know/);
  assert.match(fault("[concat('a']"), /needs '\)'/);
  assert.match(fault("[concat('a') 'b']"), /goes on with ''b''/);
  assert.match(fault("[variables('a')]", { variables: { a: "[variables('a')]" } }), /'a' is defined by itself/);
  assert.match(fault(`[${'concat('.repeat(30)}'a'${')'.repeat(30)}]`), /nested deeper than 20/);
  assert.match(faultOf({ resources: [resource('a', { copy: { name: 'c', count: 2 } })] }), /'copy' of 'a'/);
  assert.match(faultOf({ resources: [{ name: 'a' }] }), /needs the text 'type'/);
  assert.match(faultOf({ colour: 'red' }), /field 'colour' is not known/);
});

test('parameters are declared, given, allowed, and shown without their secrets', () => {
  const parameters = { size: { type: 'string', allowedValues: ['s', 'l'] }, password: { type: 'secureString' } };
  const given = { SIZE: { value: 's' }, password: { value: 'hidden' } };
  const { parameters: shown } = run({ parameters }, given);
  assert.deepEqual(shown, { size: { type: 'string', value: 's' }, password: { type: 'secureString' } });
  assert.match(faultOf({ parameters }, { size: { value: 's' } }), /'password' is not provided/);
  assert.match(faultOf({ parameters }, { ...given, SIZE: { value: 'x' } }), /must be one of s, l/);
  assert.match(faultOf({ parameters }, { ...given, other: { value: 1 } }), /'other' is given and not declared/);
  assert.match(faultOf({ parameters }, { ...given, password: { reference: {} } }), /key vault/);
});

test('resources come after those they depend on, however these are named', () => {
  const names = (resources: object[]) => run({ resources }).resources.map(({ name }) => name);
  const c = resource('c', { dependsOn: ['b', 'Microsoft.Network/virtualNetworks/a'] });
  const b = resource('b', { dependsOn: [`${SCOPE}/Microsoft.Network/virtualNetworks/a`] });
  assert.deepEqual(names([c, b, resource('a')]), ['a', 'b', 'c']);
  assert.deepEqual(names([resource('a'), resource('b', { condition: false })]), ['a']);
  assert.deepEqual(
    run({ resources: [resource('a', { dependsOn: [], comments: 'x', tags: { t: '1' } })] }).resources[0]?.body,
    {
      location: 'westeurope',
      tags: { t: '1' },
    },
  );
  assert.match(faultOf({ resources: [resource('a', { dependsOn: ['none'] })] }), /'none' that 'a' depends on/);
  assert.match(
    faultOf({ resources: [resource('a', { dependsOn: ['b'] }), resource('b', { dependsOn: ['a'] })] }),
    /circular/,
  );
  assert.match(faultOf({ resources: [resource('a'), resource('A')] }), /defined twice/);
});

test('what doubles itself, or is made of too much, is refused before it is made', () => {
  const doubled = (levels: number) =>
    Object.fromEntries(
      Array.from({ length: levels }, (_, i) => [`v${i + 1}`, `[concat(variables('v${i}'), variables('v${i}'))]`]),
    );
  const outputs = (name: string) => ({ o: { type: 'string', value: `[variables('${name}')]` } });
  const few = run({ variables: { v0: 'x', ...doubled(10) }, outputs: outputs('v10') });
  assert.equal(few.outputs.o?.value, 'x'.repeat(1024));
  const much = { variables: { v0: 'x'.repeat(4096), ...doubled(19) }, outputs: outputs('v19') };
  assert.throws(() => run(much), { code: 'InvalidTemplate', message: /more than 4194304 characters/ });
  const chain = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`v${i}`, `[variables('v${i + 1}')]`]));
  assert.throws(() => run({ variables: { ...chain, v30: 'end' }, outputs: outputs('v0') }), {
    code: 'InvalidTemplate',
    message: /more than 20 others/,
  });
  for (const name of ['constructor', '__proto__', 'hasOwnProperty'])
    assert.throws(() => run({ outputs: { o: { type: 'string', value: `[${name}()]` } } }), /which is not known here/);
});
