import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { formatResourceId, parseResourceId, type ResourceId, resourceKey, resourceType } from './resourceId.ts';

const S = '11111111-2222-3333-4444-555555555555';
const ITEM = `/subscriptions/${S}/resourceGroups/Rg_1/providers/Microsoft.RecoveryServices/vaults/V1/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;Rg_1;vm`;

test('an id is taken apart and put together', () => {
  const id = parseResourceId(ITEM);
  assert.equal(id.subscriptionId, S);
  assert.equal(id.resourceGroup, 'Rg_1');
  assert.equal(id.segments.at(-1)?.name, 'IaasVMContainer;iaasvmcontainerv2;Rg_1;vm');
  assert.equal(resourceType(id), 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers');
  assert.equal(formatResourceId(id), ITEM);
  assert.equal(resourceType(parseResourceId(`/subscriptions/${S}`)), 'Microsoft.Resources/subscriptions');
  assert.equal(
    resourceType(parseResourceId(`/subscriptions/${S}/resourcegroups/a`)),
    'Microsoft.Resources/subscriptions/resourceGroups',
  );
  assert.deepEqual(parseResourceId(`/subscriptions/${S}//resourceGroups/a/`), {
    subscriptionId: S,
    resourceGroup: 'a',
    segments: [],
  });
});

test('property: any mix of cases is the same id', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.boolean()), (coins) => {
      const mixed = ITEM.split('')
        .map((letter) => (coins.next().value ? letter.toUpperCase() : letter.toLowerCase()))
        .join('');
      assert.equal(resourceKey(parseResourceId(mixed)), resourceKey(ITEM));
    }),
  );
});

test('property: whatever parses is formatted to what parses the same', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_;()-]{1,20}$/);
  const type = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,10}$/);
  const segments = fc.array(fc.record({ type, name }, { noNullPrototype: true }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_()-]{1,20}$/), segments, (resourceGroup, parts) => {
      const id: ResourceId = { subscriptionId: S, resourceGroup, provider: 'Demo.Wine', segments: parts };
      assert.deepEqual(parseResourceId(formatResourceId(id)), id);
    }),
  );
});

test('what is no id is refused', () => {
  const wrong = [
    '',
    '/',
    'x',
    'subscriptions/a',
    '/subscriptions',
    '/subscriptions/1',
    `/subscriptions/${S}/x`,
    `/subscriptions/${S}/providers`,
    `/subscriptions/${S}/providers/A/b`,
    `/subscriptions/${S}/providers/A/b/c/d`,
    `/subscriptions/${S}/resourceGroups/a.`,
    `/subscriptions/${S}/resourceGroups/..`,
    `/subscriptions/${S}/resourceGroups/%2e`,
    `/subscriptions/${S}/resourceGroups/a\0`,
    `/subscriptions/${S}/resourceGroups/İ`,
    `/subscriptions/${S}/providers/A/b/../../c`,
    `${ITEM}/x/${'y'.repeat(2048)}`,
  ];
  for (const text of wrong) {
    assert.throws(
      () => parseResourceId(text),
      (error) => isCoded(error, 'InvalidResourceName'),
      text.slice(0, 80),
    );
  }
});
