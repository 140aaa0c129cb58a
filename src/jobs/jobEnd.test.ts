import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listAlerts } from '../db/alertList.ts';
import { alertHistory } from '../db/alerts.ts';
import { getVault, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { BY, VaultRig } from './vaultRig.fixture.ts';

const alertsOf = async (rig: VaultRig) =>
  (await listAlerts(rig.db.queries, { scope: '/subscriptions' })).values.map(({ kind, condition, errorCode }) => [
    kind,
    condition,
    errorCode,
  ]);

async function failOnce(
  rig: VaultRig,
  code: 'MachineDescriptionInvalid' | 'StoreFull' | 'BCMV2VMNotFound',
): Promise<void> {
  rig.host.faults.failNext('snapshot', new CodedError(code, 'It did not work.'));
  await rig.clock.turn(60_000);
  assert.equal((await rig.backUp()).status, 'Failed');
}

test('a failed backup raises one alert; the same again raises none, another error one more; success resolves all', async () => {
  await using rig = await VaultRig.open();
  await failOnce(rig, 'StoreFull');
  await failOnce(rig, 'StoreFull');
  assert.deepEqual(await alertsOf(rig), [['BackupFailure', 'Fired', 'StoreFull']]);
  await failOnce(rig, 'MachineDescriptionInvalid');
  assert.deepEqual(await alertsOf(rig), [
    ['BackupFailure', 'Fired', 'MachineDescriptionInvalid'],
    ['BackupFailure', 'Fired', 'StoreFull'],
  ]);
  await rig.clock.turn(60_000);
  assert.equal((await rig.backUp()).status, 'Completed');
  const { values } = await listAlerts(rig.db.queries, { scope: '/subscriptions', condition: 'Resolved' });
  assert.equal(values.length, 2);
  const history = await alertHistory(rig.db.queries, values[0]?.id ?? '');
  assert.deepEqual(
    history.map(({ event }) => event),
    ['MonitorConditionChange', 'AlertCreated'],
  );
  const rows = await rig.db.queries.selectFrom('audit_events').select(['category', 'body']).orderBy('seq').execute();
  const told = rows.map(({ category, body }) => [category, (JSON.parse(body) as { status: string }).status]);
  assert.deepEqual(
    told.filter(([category]) => category === 'Backup'),
    [
      ['Backup', 'Failed'],
      ['Backup', 'Failed'],
      ['Backup', 'Failed'],
      ['Backup', 'Succeeded'],
    ],
  );
  assert.equal(told.filter(([category]) => category === 'Alert').length, 4, 'two raised, two resolved');
});

test('a machine that is gone alarms nobody, nor does a vault whose job alerts are switched off', async () => {
  await using rig = await VaultRig.open();
  await failOnce(rig, 'BCMV2VMNotFound');
  const vault = await getVault(rig.db.queries, rig.item.vaultId);
  assert.ok(vault);
  const monitoringSettings = { azureMonitorAlertSettings: { alertsForAllJobFailures: 'Disabled' as const } };
  await updateVault(rig.db.queries, { ...vault, settings: { ...vault.settings, monitoringSettings } });
  await failOnce(rig, 'StoreFull');
  assert.deepEqual(await alertsOf(rig), []);
});

test('a backup that rests between two attempts is cancelled at once', async () => {
  await using rig = await VaultRig.open();
  rig.host.faults.failNext('snapshot', new CodedError('SnapshotFailed', 'no space'));
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  await rig.runner.runOne();
  const resting = await rig.job(id);
  assert.equal(resting.attempt, 2);
  assert.match(
    resting.subTasks[0]?.note ?? '',
    /^Attempt 1 of 9 failed \(SnapshotFailed: no space\); the next begins at /,
  );
  await rig.service.cancel(id);
  assert.equal(await rig.runner.runOne(), true, 'claimed although its rest is not over');
  assert.equal((await rig.job(id)).status, 'Cancelled');
});

test('a restart does not count as an attempt', async () => {
  await using rig = await VaultRig.open();
  const held = rig.host.faults.hold('snapshot');
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  rig.runner.start();
  await held.arrived;
  const stopped = rig.runner.stop();
  held.release();
  await stopped;
  assert.deepEqual([(await rig.job(id)).status, (await rig.job(id)).attempt], ['InProgress', 1]);
});
