import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import {
  assertPolicyName,
  assertVaultName,
  containerName,
  isSameMachine,
  itemIdName,
  itemName,
  parseContainerName,
  parseItemName,
} from './names.ts';

const machine = { resourceGroup: 'Quay.East_1', vmName: 'Lantern-7' };

test('names of containers and items are spelled as Azure spells them, and read in any case', () => {
  assert.equal(containerName(machine), 'IaasVMContainer;iaasvmcontainerv2;Quay.East_1;Lantern-7');
  assert.equal(itemName(machine), 'VM;iaasvmcontainerv2;Quay.East_1;Lantern-7');
  assert.equal(itemIdName(machine), 'vm;iaasvmcontainerv2;Quay.East_1;Lantern-7');
  assert.deepEqual(parseContainerName('iaasvmcontainer;IAASVMCONTAINERV2;Quay.East_1;Lantern-7'), machine);
  assert.deepEqual(parseContainerName('iaasvmcontainerv2;Quay.East_1;Lantern-7'), machine);
  assert.deepEqual(parseItemName('vm;IaasVmContainerV2;Quay.East_1;Lantern-7'), machine);
  assert.ok(isSameMachine(machine, { resourceGroup: 'quay.EAST_1', vmName: 'LANTERN-7' }));
  assert.ok(!isSameMachine(machine, { ...machine, vmName: 'Lantern-8' }));
});

test('other names are refused with the form they must have', () => {
  for (const name of [
    '',
    'Lantern',
    'IaasVMContainer;iaasvmcontainer;a;b',
    'VM;iaasvmcontainerv2;a;b',
    'iaasvmcontainerv2;a;',
    'IaasVMContainer;iaasvmcontainerv2;a;b;c',
  ]) {
    assert.throws(
      () => parseContainerName(name),
      (e) => isCoded(e, 'BMSUserErrorContainerNameIncorrectFormat'),
      name,
    );
  }
  for (const name of ['', 'VM;a;b', 'IaasVMContainer;iaasvmcontainerv2;a;b', 'VM;iaasvmcontainerv2;;b']) {
    assert.throws(
      () => parseItemName(name),
      (e) => isCoded(e, 'BMSUserErrorProtectedItemNameIncorrectFormat'),
      name,
    );
  }
});

test('names of vaults and policies follow their rules', () => {
  const legal = (check: (name: string) => void, name: string) => {
    try {
      check(name);
      return true;
    } catch (error) {
      assert.ok(isCoded(error, 'InvalidResourceName') && error.target !== undefined && error.message.includes(name));
      return false;
    }
  };
  for (const name of ['ab', 'a-1', `a${'b'.repeat(49)}`]) assert.ok(legal(assertVaultName, name), name);
  for (const name of ['a', '1a', '-a', 'a_b', 'a b', `a${'b'.repeat(50)}`])
    assert.ok(!legal(assertVaultName, name), name);
  for (const name of ['abc', 'a-1', 'Night_ly!', `a${'b'.repeat(149)}`]) assert.ok(legal(assertPolicyName, name), name);
  for (const name of ['ab', '1ab', 'a b', 'a;b', `a${'b'.repeat(150)}`])
    assert.ok(!legal(assertPolicyName, name), name);
});
