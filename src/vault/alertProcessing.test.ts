import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from './alert.ts';
import { type ProcessingRule, type RuleCondition, routeAlert } from './alertProcessing.ts';
import { isOnSchedule, type RuleSchedule } from './ruleSchedule.ts';

const GROUP = '/subscriptions/s/resourceGroups/Quay';
const VAULT = `${GROUP}/providers/Microsoft.RecoveryServices/vaults/harbour`;
const alert: Alert = {
  id: 'a',
  kind: 'BackupFailure',
  severity: 'Sev1',
  vaultId: 'v',
  target: VAULT,
  about: 'lantern',
  description: 'The host is silent.',
  state: 'New',
  condition: 'Fired',
  firedAt: 0,
  updatedAt: 0,
};
const rule = (patch: Partial<ProcessingRule> = {}): ProcessingRule => ({
  name: 'tell',
  scopes: [VAULT],
  conditions: [],
  actions: [{ actionType: 'AddActionGroups', actionGroupIds: ['/groups/Keepers'] }],
  enabled: true,
  ...patch,
});
const routed = (...rules: ProcessingRule[]) => routeAlert(alert, rules, 0).actionGroups.length;

test('a rule reaches what lies in its scopes, and nothing whose name only begins alike', () => {
  for (const scope of ['/subscriptions/s', '/subscriptions/S/resourcegroups/quay', `${VAULT}/`, VAULT.toUpperCase()])
    assert.equal(routed(rule({ scopes: [scope] })), 1, scope);
  for (const scope of ['/subscriptions/other', `${GROUP}2`, VAULT.slice(0, -1), `${VAULT}/backupFabrics/Azure`])
    assert.equal(routed(rule({ scopes: [scope] })), 0, scope);
  assert.equal(routed(rule({ enabled: false })), 0);
});

test('all conditions must hold; each asks its field', () => {
  const when = (field: RuleCondition['field'], operator: RuleCondition['operator'], ...values: string[]) =>
    routed(rule({ conditions: [{ field, operator, values }] }));
  assert.deepEqual(
    [
      when('Severity', 'Equals', 'Sev0', 'sev1'),
      when('Severity', 'NotEquals', 'Sev1'),
      when('Severity', 'Equals', 'Sev2'),
    ],
    [1, 0, 0],
  );
  assert.deepEqual(
    [when('Description', 'Contains', 'SILENT'), when('Description', 'DoesNotContain', 'silent')],
    [1, 0],
  );
  assert.equal(when('AlertRuleName', 'Equals', 'Backup Failure'), 1);
  assert.equal(when('TargetResourceType', 'Equals', 'microsoft.recoveryservices/vaults'), 1);
  assert.equal(when('TargetResourceGroup', 'Equals', GROUP), 1);
  assert.equal(when('MonitorService', 'Equals', 'Azure Backup'), 1);
  const both = (second: string) =>
    routed(
      rule({
        conditions: [
          { field: 'Severity', operator: 'Equals', values: ['Sev1'] },
          { field: 'MonitorCondition', operator: 'Equals', values: [second] },
        ],
      }),
    );
  assert.deepEqual([both('Fired'), both('Resolved')], [1, 0]);
});

test('groups of several rules are told once each; one rule that silences wins over all', () => {
  const more = rule({
    actions: [{ actionType: 'AddActionGroups', actionGroupIds: ['/groups/KEEPERS', '/groups/Night'] }],
  });
  assert.deepEqual(routeAlert(alert, [rule(), more], 0).actionGroups.length, 2);
  const silence = rule({ name: 'hush', actions: [{ actionType: 'RemoveAllActionGroups' }] });
  assert.deepEqual(routeAlert(alert, [rule(), silence, more], 0), { actionGroups: [], suppressedBy: 'hush' });
});

test('a schedule holds in its own time zone, over midnight, on its days, between its ends', () => {
  const at = (schedule: Partial<RuleSchedule>, time: string) =>
    isOnSchedule({ recurrences: [], ...schedule }, Date.parse(time));
  const nights: RuleSchedule['recurrences'] = [{ recurrenceType: 'Daily', startTime: '22:00:00', endTime: '06:00:00' }];
  const berlin = { timeZone: 'W. Europe Standard Time', recurrences: nights };
  assert.deepEqual(
    ['2026-07-01T19:59:59Z', '2026-07-01T20:00:00Z', '2026-07-02T03:59:59Z', '2026-07-02T04:00:00Z'].map((time) =>
      at(berlin, time),
    ),
    [false, true, true, false],
  );
  const weekend = { recurrences: [{ recurrenceType: 'Weekly', daysOfWeek: ['Saturday', 'Sunday'] }] } as const;
  assert.deepEqual(
    ['2026-01-02T23:59:00Z', '2026-01-03T00:00:00Z', '2026-01-04T23:59:59Z', '2026-01-05T00:00:00Z'].map((time) =>
      at(weekend, time),
    ),
    [false, true, true, false],
  );
  const first = {
    recurrences: [{ recurrenceType: 'Monthly', daysOfMonth: [1], startTime: '23:00:00', endTime: '01:00:00' }],
  } as const;
  assert.deepEqual(
    ['2026-02-01T00:30:00Z', '2026-02-01T23:00:00Z', '2026-02-02T00:59:00Z', '2026-02-02T23:30:00Z'].map((time) =>
      at(first, time),
    ),
    [false, true, true, false],
  );
  const window = { effectiveFrom: '2026-01-05T10:00:00', effectiveUntil: '2026-01-05T12:00:00' };
  assert.deepEqual(
    ['2026-01-05T09:59:59Z', '2026-01-05T10:00:00Z', '2026-01-05T12:00:00Z'].map((time) => at(window, time)),
    [false, true, false],
  );
});
