import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, isCoded } from '../lib/error.ts';
import { defaultPolicy, enhancedPolicy } from './defaultPolicies.ts';
import { isDiskIncluded } from './diskSelection.ts';
import type { Policy } from './policy.ts';
import type { ProtectedItem } from './protectedItem.ts';
import {
  afterBackup,
  assertCanBackUp,
  assertCanRestore,
  changeProtection,
  enableProtection,
  isActivelyProtected,
  isPurgeDue,
  isRetentionPaused,
  type ProtectionRequest,
  softDeleteItem,
} from './protection.ts';
import { newVault } from './vaultRules.ts';

const NOW = Date.parse('2026-01-05T08:00:00Z');
const DAY_MS = 86_400_000;
const vault = newVault(
  { id: 'v', subscriptionId: 's', resourceGroup: 'Quay', name: 'Harbour', location: 'north' },
  NOW,
);
const immutable = { ...vault, immutability: 'Unlocked' } as const;
const machine = {
  host: 'shed',
  resourceGroup: 'Quay',
  vmName: 'Lantern',
  vmId: 'b7',
  sourceResourceId: '/subscriptions/s/x',
};
const policy = (id: string, patch: Partial<Policy> = {}): Policy => ({
  ...defaultPolicy(NOW),
  id,
  vaultId: 'v',
  name: id,
  version: 1,
  createdAt: NOW,
  updatedAt: NOW,
  ...patch,
});
const nightly = policy('nightly');
const enable = (request: ProtectionRequest = { policy: nightly }) =>
  enableProtection(vault, machine, request, { id: 'i', now: NOW });
const change = (item: ProtectedItem, request: ProtectionRequest, of = vault) =>
  changeProtection(of, item, request, NOW + 1);
const protectedItem = (): ProtectedItem => afterBackup(enable().item, { status: 'Completed', time: NOW }, NOW);
const refuses = (code: ErrorCode, target?: string) => (error: unknown) =>
  isCoded(error, code) && (target === undefined || error.target === target);
const invalid = (target: string) => refuses('BMSUserErrorInvalidConfigureProtectionRequest', target);

test('a machine is protected from its first backup on', () => {
  const { item, operation } = enable();
  assert.deepEqual(
    [operation, item.protectionState, item.policyId, item.vmName],
    ['ConfigureBackup', 'IRPending', 'nightly', 'Lantern'],
  );
  const failed = afterBackup(item, { status: 'Failed', time: NOW, errorCode: 'SnapshotFailed' }, NOW);
  assert.equal(failed.protectionState, 'IRPending');
  assert.equal(afterBackup(failed, { status: 'Completed', time: NOW }, NOW).protectionState, 'Protected');
});

test('protection begins with a policy of the vault, and with nothing else', () => {
  assert.throws(() => enable({}), invalid('policyId'));
  assert.throws(() => enable({ policy: policy('far', { vaultId: 'other' }) }), invalid('policyId'));
  assert.throws(() => enable({ policy: nightly, isRehydrate: true }), invalid('isRehydrate'));
  assert.throws(() => enable({ policy: nightly, protectionState: 'ProtectionStopped' }), invalid('protectionState'));
  assert.throws(() => enable({ policy: nightly, protectionState: 'Paused' }), invalid('protectionState'));
});

test('stop with retain keeps the data and takes the policy; resume gives one back', () => {
  const stopped = change(protectedItem(), { protectionState: 'ProtectionStopped' });
  assert.deepEqual(
    [stopped.operation, stopped.item.protectionState, stopped.item.policyId],
    ['DisableBackup', 'ProtectionStopped', undefined],
  );
  assert.ok(isRetentionPaused(stopped.item) && !isActivelyProtected(stopped.item));
  assert.throws(() => assertCanBackUp(stopped.item), refuses('UserErrorBcmDatasourceNotPresent'));
  assertCanRestore(stopped.item);
  assert.throws(() => change(stopped.item, {}), invalid('policyId'));
  const resumed = change(stopped.item, { policy: nightly, protectionState: '' });
  assert.deepEqual(
    [resumed.operation, resumed.item.protectionState, resumed.item.policyId],
    ['ConfigureBackup', 'Protected', 'nightly'],
  );
  assertCanBackUp(resumed.item);
});

test('deletion keeps the data for the vault’s days of soft delete, undelete brings the item back stopped', () => {
  const deleted = softDeleteItem(vault, protectedItem(), NOW);
  assert.equal(deleted.operation, 'DeleteBackupData');
  assert.deepEqual(deleted.item.softDelete, { deletedAt: NOW, retentionDays: 14, purgeAt: NOW + 14 * DAY_MS });
  assert.equal(deleted.item.protectionState, 'ProtectionStopped');
  assert.ok(!isPurgeDue(deleted.item, NOW + 14 * DAY_MS - 1) && isPurgeDue(deleted.item, NOW + 14 * DAY_MS));
  for (const act of [
    () => softDeleteItem(vault, deleted.item, NOW),
    () => assertCanRestore(deleted.item),
    () => change(deleted.item, { policy: nightly }),
    () => change(deleted.item, { protectionState: 'ProtectionStopped' }),
  ]) {
    assert.throws(act, refuses('UserErrorItemSoftDeleted'));
  }
  assert.throws(() => assertCanBackUp(deleted.item), refuses('UserErrorBcmDatasourceNotPresent'));
  const back = change(deleted.item, { isRehydrate: true });
  assert.deepEqual(
    [back.operation, back.item.protectionState, back.item.softDelete],
    ['Undelete', 'ProtectionStopped', undefined],
  );
  assert.equal(change(back.item, { policy: nightly }).item.protectionState, 'Protected');
  assert.throws(() => change(back.item, { isRehydrate: true }), invalid('isRehydrate'));
});

test('an immutable vault refuses deletion and shorter retention, and allows to suspend', () => {
  const denied = refuses('UserErrorOperationDeniedOnImmutableItem');
  assert.throws(() => softDeleteItem(immutable, protectedItem(), NOW), denied);
  const shorter = policy('shorter', { retention: { daily: { days: 7 } } });
  const longer = policy('longer', { retention: { daily: { days: 60 }, weekly: { weeks: 5, on: ['Sunday'] } } });
  assert.throws(() => change(protectedItem(), { policy: shorter, currentPolicy: nightly }, immutable), denied);
  assert.equal(change(protectedItem(), { policy: shorter, currentPolicy: nightly }).item.policyId, 'shorter');
  assert.equal(change(protectedItem(), { policy: longer, currentPolicy: nightly }, immutable).item.policyId, 'longer');
  const suspended = change(protectedItem(), { protectionState: 'BackupsSuspended' }, immutable);
  assert.deepEqual([suspended.item.protectionState, suspended.item.policyId], ['BackupsSuspended', 'nightly']);
  assert.ok(!isRetentionPaused(suspended.item));
  assert.throws(() => change(protectedItem(), { protectionState: 'BackupsSuspended' }), denied);
});

test('an item goes from a standard policy to an enhanced one, never back', () => {
  const enhanced = policy('enhanced', { ...enhancedPolicy(NOW) });
  const moved = change(protectedItem(), { policy: enhanced, currentPolicy: nightly });
  assert.deepEqual(
    [moved.operation, moved.item.policyId, moved.item.protectionState],
    ['ConfigureBackup', 'enhanced', 'Protected'],
  );
  assert.throws(() => change(moved.item, { policy: nightly, currentPolicy: enhanced }), invalid('policyId'));
});

test('disks are chosen by LUN, the OS disk always among them, and chosen no longer', () => {
  const only = change(protectedItem(), { disks: { isInclusionList: true, luns: [1] } }).item;
  assert.deepEqual(
    [-1, 0, 1].map((lun) => isDiskIncluded(only.disks, lun)),
    [true, false, true],
  );
  const without = change(only, { disks: { isInclusionList: false, luns: [1] } }).item;
  assert.deepEqual(
    [-1, 0, 1].map((lun) => isDiskIncluded(without.disks, lun)),
    [true, true, false],
  );
  assert.deepEqual(change(without, { policy: nightly }).item.disks, without.disks);
  assert.equal(change(without, { disks: null }).item.disks, undefined);
  for (const luns of [[-1], [64], [1.5]]) {
    assert.throws(
      () => change(only, { disks: { isInclusionList: true, luns } }),
      invalid('extendedProperties.diskExclusionProperties.diskLunList'),
    );
  }
});

test('whatever is asked in whatever order, an item is never active without a policy nor deleted and active', () => {
  const act = fc.constantFrom('stop', 'resume', 'delete', 'undelete', 'suspend', 'succeed', 'fail');
  fc.assert(
    fc.property(fc.array(act, { maxLength: 20 }), fc.boolean(), (acts, isImmutable) => {
      const of = isImmutable ? immutable : vault;
      let item = enable().item;
      for (const one of acts) {
        try {
          if (one === 'stop') item = change(item, { protectionState: 'ProtectionStopped' }, of).item;
          if (one === 'resume') item = change(item, { policy: nightly }, of).item;
          if (one === 'delete') item = softDeleteItem(of, item, NOW).item;
          if (one === 'undelete') item = change(item, { isRehydrate: true }, of).item;
          if (one === 'suspend') item = change(item, { protectionState: 'BackupsSuspended' }, of).item;
          if (one === 'succeed' || one === 'fail')
            item = afterBackup(item, { status: one === 'fail' ? 'Failed' : 'Completed', time: NOW }, NOW);
        } catch (error) {
          assert.ok(isCoded(error), String(error));
        }
        assert.ok(!isActivelyProtected(item) || (item.policyId !== undefined && item.softDelete === undefined));
        assert.ok(!isImmutable || item.softDelete === undefined);
      }
    }),
    { numRuns: 200 },
  );
});
