import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { defaultPolicy } from './defaultPolicies.ts';
import type { Policy } from './policy.ts';
import { assertPolicyChange, reductions } from './policyChange.ts';
import { enableProtection, softDeleteItem } from './protection.ts';
import { securityLevel } from './securityLevel.ts';
import {
  assertImmutabilityChange,
  assertPolicyDeletable,
  assertRedundancyChange,
  assertVaultDeletable,
  newVault,
  softDeletedVault,
  undeletedVault,
} from './vaultRules.ts';

const NOW = Date.parse('2026-01-05T08:00:00Z');
const given = { id: 'v', subscriptionId: 's', resourceGroup: 'Quay', name: 'Harbour', location: 'north' };
const vault = newVault(given, NOW);
const policy: Policy = {
  ...defaultPolicy(NOW),
  id: 'p',
  vaultId: 'v',
  name: 'Nightly',
  version: 1,
  createdAt: NOW,
  updatedAt: NOW,
};
const item = (vmName: string) =>
  enableProtection(
    vault,
    { host: 'shed', resourceGroup: 'Quay', vmName, vmId: vmName, sourceResourceId: `/vm/${vmName}` },
    { policy },
    { id: vmName, now: NOW },
  ).item;

test('a fresh vault has the defaults, and a legal name', () => {
  assert.deepEqual(
    [vault.redundancy, vault.immutability, vault.softDeleteRetentionDays],
    ['GeoRedundant', 'Disabled', 14],
  );
  assert.throws(
    () => newVault({ ...given, name: '1' }, NOW),
    (e) => isCoded(e, 'InvalidResourceName'),
  );
});

test('a vault with items is not deleted, and the answer names their containers', () => {
  assertVaultDeletable(vault, []);
  const deleted = softDeleteItem(vault, item('Wreck'), NOW).item;
  assert.throws(
    () => assertVaultDeletable(vault, [item('Lantern'), item('Buoy'), deleted]),
    (e) =>
      isCoded(e, 'ServiceResourceNotEmptyWithContainerDetails') &&
      e.message.includes('existing resources within the vault') &&
      e.message.endsWith(
        ': IaasVMContainer;iaasvmcontainerv2;Quay;Lantern, IaasVMContainer;iaasvmcontainerv2;Quay;Buoy',
      ) &&
      e.details.length === 2,
  );
  assertVaultDeletable(vault, [deleted]);
  const guard = { proxyName: 'VaultProxy', guardId: '/guards/g', linkedAt: NOW };
  assert.throws(
    () => assertVaultDeletable({ ...vault, guard }, []),
    (e) => isCoded(e, 'BMSUserErrorVaultDeletionNotAllowed') && e.message.includes("'/guards/g'"),
  );
});

test('a deleted vault is kept for its retention, comes back without identities, and each change has an etag', () => {
  const made = { ...vault, softDeleteRetentionDays: 30, identity: { type: 'SystemAssigned' } };
  const deleted = softDeletedVault(made, NOW);
  assert.deepEqual(deleted.softDelete, { deletedAt: NOW, purgeAt: NOW + 30 * 24 * 60 * 60 * 1000 });
  const back = undeletedVault(deleted, 'Pier', NOW);
  assert.deepEqual([back.resourceGroup, back.softDelete, back.identity], ['Pier', undefined, undefined]);
  assert.ok(made.updatedAt < deleted.updatedAt && deleted.updatedAt < back.updatedAt);
});

test('a second consent makes the security level excellent', () => {
  assert.deepEqual(securityLevel(vault), { secureScore: 'Adequate', bcdrSecurityLevel: 'Good' });
  const guard = { proxyName: 'VaultProxy', guardId: '/guards/g', linkedAt: NOW };
  assert.deepEqual(securityLevel({ guard }), { secureScore: 'Maximum', bcdrSecurityLevel: 'Excellent' });
});

test('a policy in use is not deleted', () => {
  assertPolicyDeletable(policy, []);
  assertPolicyDeletable({ ...policy, id: 'other' }, [item('Lantern')]);
  assert.throws(
    () => assertPolicyDeletable(policy, [item('Lantern')]),
    (e) => isCoded(e, 'BMSUserErrorPolicyObjectInUse') && e.details[0]?.message.endsWith(';Lantern') === true,
  );
});

test('redundancy is locked by the first item', () => {
  assertRedundancyChange(vault, 'LocallyRedundant', false);
  assertRedundancyChange(vault, 'GeoRedundant', true);
  assert.throws(
    () => assertRedundancyChange(vault, 'LocallyRedundant', true),
    (e) => isCoded(e, 'StorageModelModifyError'),
  );
});

test('immutability is unlocked before it is locked, and locked for ever', () => {
  const states = ['Disabled', 'Unlocked', 'Locked'] as const;
  const legal = states.flatMap((from) =>
    states
      .filter((to) => {
        try {
          assertImmutabilityChange(from, to);
          return from !== to;
        } catch (error) {
          assert.ok(isCoded(error, 'UserErrorUnsupportedVaultImmutabilityStateChange'));
          assert.equal(
            error.message.startsWith('The immutable vault property for this vault is locked'),
            from === 'Locked',
          );
          return false;
        }
      })
      .map((to) => `${from} ${to}`),
  );
  assert.deepEqual(legal, ['Disabled Unlocked', 'Unlocked Disabled', 'Unlocked Locked']);
});

test('a policy keeps its type, and in an immutable vault its retention', () => {
  const immutable = { ...vault, immutability: 'Locked' } as const;
  assert.throws(
    () => assertPolicyChange(vault, policy, { ...policy, policyType: 'V2' }),
    (e) => isCoded(e, 'BMSUserErrorInvalidPolicyInput') && e.target === 'policyType',
  );
  const shorter = { ...policy, retention: { daily: { days: 29 } } };
  assertPolicyChange(vault, policy, shorter);
  assert.throws(
    () => assertPolicyChange(immutable, policy, shorter),
    (e) => isCoded(e, 'UserErrorOperationDeniedOnImmutableItem'),
  );
  assertPolicyChange(immutable, policy, { ...policy, schedule: { frequency: 'Daily', time: '03:30' } });
});

test('every way to keep less is found', () => {
  const on = { format: 'Weekly', days: ['Sunday'], weeks: ['First', 'Last'] } as const;
  const full: Policy = {
    ...policy,
    retention: {
      daily: { days: 30 },
      weekly: { weeks: 10, on: ['Sunday', 'Monday'] },
      monthly: { months: 10, on },
      yearly: { years: 10, inMonths: ['January', 'June'], on },
    },
  };
  const less = (patch: object) =>
    reductions(full, { ...full, retention: { ...full.retention, ...patch } }).map((detail) => detail.target);
  assert.deepEqual(less({}), []);
  assert.deepEqual(less({ daily: { days: 31 } }), []);
  assert.deepEqual(less({ daily: undefined }), ['retentionPolicy.dailySchedule']);
  assert.deepEqual(less({ weekly: { weeks: 9, on: ['Sunday', 'Monday'] } }), ['retentionPolicy.weeklySchedule']);
  assert.deepEqual(less({ weekly: { weeks: 10, on: ['Sunday'] } }), ['retentionPolicy.weeklySchedule.daysOfTheWeek']);
  assert.deepEqual(less({ monthly: { months: 10, on: { ...on, weeks: ['First'] } } }), [
    'retentionPolicy.monthlySchedule',
  ]);
  assert.deepEqual(less({ yearly: { years: 10, inMonths: ['June'], on } }), [
    'retentionPolicy.yearlySchedule.monthsOfYear',
  ]);
  assert.deepEqual(
    reductions(full, { ...full, instantRestoreDays: 1 }).map((detail) => detail.target),
    ['instantRpRetentionRangeInDays'],
  );
});
