import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Interrupted } from '../exit.ts';
import { SUBSCRIPTION } from '../testing/fakeArm.ts';
import { EagerClock, runCli } from '../testing/runCli.ts';
import { accepted, ITEM, MACHINE, operation, POLICY, VAULT } from '../testing/samples.ts';
import {
  finished,
  IN_VAULT,
  JOB,
  jobOut,
  ON_ITEM,
  OPERATION,
  running,
  startWorld,
  type World,
} from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('backup-now asks for a point and says in plain lines how it goes', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  world.on('GET', JOB, { body: running(0) }, { body: running(10) }, { body: running(510) }, { body: finished });
  const { code, stdout, stderr } = await runCli(
    world,
    'protection',
    'backup-now',
    ...ON_ITEM,
    '--retain-until',
    '31-12-2026',
  );
  assert.equal(code, 0);
  assert.equal(jobOut(stdout).properties.status, 'Completed');
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ok Take Snapshot: completed, 2 s',
    '.. Transfer data to vault: 1 %, 10 B of 1.0 KiB',
    '.. Transfer data to vault: 51 %, 510 B of 1.0 KiB',
    'ok Transfer data to vault: completed, 1.0 KiB, 4 s',
  ]);
  assert.deepEqual(world.bodyOf('POST'), {
    properties: { objectType: 'IaasVMBackupRequest', recoveryPointExpiryTimeInUTC: '2026-12-31T00:00:00.000Z' },
  });
});

test('a job that is over at the first look still says what it did', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  world.on('GET', JOB, { body: finished });
  const { stderr } = await runCli(world, 'protection', 'backup-now', ...ON_ITEM);
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ok Take Snapshot: completed, 2 s',
    'ok Transfer data to vault: completed, 1.0 KiB, 4 s',
  ]);
});

test('on a terminal the running sub task is redrawn in place and its end stays', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  world.on('GET', JOB, { body: running(0) }, { body: running(250) }, { body: finished });
  const screen = { ...world, columns: 61, env: { LANG: 'en_US.UTF-8' } };
  const { stderr } = await runCli(screen, 'protection', 'backup-now', ...ON_ITEM);
  assert.deepEqual(
    stderr.split(/\r|\n/).filter((line) => line !== ''),
    [
      '✔ Take Snapshot: completed, 2 s',
      'Transfer data to vault  ██░░░░░░░░░   25 %  250 B of 1.0 KiB',
      '✔ Transfer data to vault: completed, 1.0 KiB, 4 s',
    ],
  );
});

test('Ctrl-C while the server still accepts says that what was asked for goes on', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  world.on('GET', OPERATION, { body: operation('InProgress') });
  const clock = new EagerClock();
  const interrupt = new AbortController();
  clock.onSleep = () => interrupt.abort(new Interrupted());
  const { code, stderr } = await runCli(
    { ...world, clock, signal: interrupt.signal },
    'protection',
    'backup-now',
    ...ON_ITEM,
  );
  assert.equal(code, 130);
  assert.match(stderr, /goes on in the vault: strongroom job list -g RG-North -v Safe shows it/);
});

test('an operation that failed is an error with its code', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  const error = { code: 'UserErrorBackupOperationInProgress', message: 'A snapshot is under way.' };
  world.on('GET', OPERATION, { body: operation('Failed', { error }) });
  const { code, stderr } = await runCli(world, 'protection', 'backup-now', ...ON_ITEM);
  assert.equal(code, 1);
  assert.equal(stderr, 'ERROR: (UserErrorBackupOperationInProgress) A snapshot is under way.\n');
});

test('disable, resume, undelete and set-policy send the puts of the model', async () => {
  world.on('PUT', ITEM, accepted(world.endpoint));
  const base = { protectedItemType: 'Microsoft.Compute/virtualMachines', sourceResourceId: MACHINE };
  const stopped = { ...base, policyId: '', protectionState: 'ProtectionStopped' };
  const itemByName = [...IN_VAULT, '-c', 'web-01', '-n', 'web-01'];
  const cases: [words: string[], properties: unknown][] = [
    [['protection', 'disable', ...ON_ITEM, '-y'], stopped],
    [
      ['protection', 'disable', ...ON_ITEM, '-y', '--retain-recovery-points-as-per-policy', 'true'],
      { ...base, policyId: POLICY, protectionState: 'BackupsSuspended' },
    ],
    [['protection', 'resume', ...ON_ITEM, '-p', 'nightly'], { ...base, policyId: POLICY }],
    [['protection', 'resume', ...ON_ITEM], { ...base, policyId: POLICY }],
    [['protection', 'undelete', ...ON_ITEM], { ...stopped, isRehydrate: true }],
    [['item', 'set-policy', ...itemByName, '-p', 'nightly'], { ...base, policyId: POLICY }],
  ];
  for (const [words, properties] of cases) {
    assert.equal((await runCli(world, ...words)).code, 0, words.join(' '));
    assert.deepEqual(world.bodyOf('PUT'), { properties }, words.join(' '));
  }
});

test('disable --delete-backup-data deletes the item', async () => {
  world.on('DELETE', ITEM, accepted(world.endpoint));
  const { code } = await runCli(world, 'protection', 'disable', ...ON_ITEM, '-y', '--delete-backup-data', 'true');
  assert.equal(code, 0);
  assert.ok(world.asked().includes(`DELETE ${ITEM.replace(VAULT, 'V')}`));
});

test('check-vm prints the vault that protects a machine, or nothing', async () => {
  const path = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/North/backupStatus`;
  world.on(
    'POST',
    path,
    { body: { protectionStatus: 'Protected', vaultId: VAULT } },
    { body: { protectionStatus: 'NotProtected' } },
  );
  const words = ['protection', 'check-vm', '--vm', MACHINE, '-o', 'tsv'];
  assert.equal((await runCli(world, ...words)).stdout, `${VAULT}\n`);
  assert.deepEqual(world.bodyOf('POST'), { resourceType: 'VM', resourceId: MACHINE });
  assert.equal((await runCli(world, ...words)).stdout, '');
});
