import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineArmId, policyArmId, vaultArmId } from '../vault/armIds.ts';
import { parseMachineId, parsePolicyId } from './ids.ts';

test('ids of machines and policies are read in any case and keep the spelling of their names', () => {
  assert.deepEqual(parseMachineId(machineArmId('s', 'Shop', 'Web01')), {
    subscription: 's',
    resourceGroup: 'Shop',
    name: 'Web01',
  });
  assert.equal(parseMachineId(machineArmId('s', 'Shop', 'Web01').toUpperCase())?.name, 'WEB01');
  const policy = policyArmId(vaultArmId({ subscriptionId: 's', resourceGroup: 'Shop', name: 'safe' }), 'Nightly');
  assert.deepEqual(parsePolicyId(policy.toLowerCase()), {
    subscription: 's',
    resourceGroup: 'shop',
    vault: 'safe',
    name: 'nightly',
  });
});

test('what is not such an id is not read', () => {
  const machine = machineArmId('s', 'Shop', 'web01');
  for (const wrong of [
    '',
    'web01',
    machine.slice(1),
    `${machine}/extensions/x`,
    machine.replace('Compute', 'ClassicCompute'),
    `x${machine}`,
  ]) {
    assert.equal(parseMachineId(wrong), undefined, wrong);
  }
  assert.equal(parsePolicyId(vaultArmId({ subscriptionId: 's', resourceGroup: 'Shop', name: 'safe' })), undefined);
});
