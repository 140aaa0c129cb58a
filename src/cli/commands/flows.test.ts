import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Job } from '../../api/wire/job.ts';
import { Interrupted } from '../exit.ts';
import { type FakeArm, SUBSCRIPTION, startFakeArm } from '../testing/fakeArm.ts';
import { EagerClock, runCli } from '../testing/runCli.ts';
import {
  accepted,
  CONTAINER,
  GROUP,
  ITEM,
  item,
  job,
  MACHINE,
  machine,
  operation,
  POLICY,
  point,
  policy,
  protectable,
  task,
  VAULT,
  vault,
} from '../testing/samples.ts';

let arm: FakeArm;
before(async () => {
  arm = await startFakeArm();
});
after(() => arm[Symbol.asyncDispose]());

const ITEMS = `${VAULT}/backupProtectedItems`;
const PROTECTABLE = `${VAULT}/backupProtectableItems`;
const JOB = `${VAULT}/backupJobs/job-7`;
const OPERATION = `${VAULT}/backupOperations/op-1`;
const POINT = `${ITEM}/recoveryPoints/${point.name}`;
const IN_VAULT = ['-g', 'RG-North', '-v', 'Safe'];
const ON_ITEM = [...IN_VAULT, '-c', 'web-01', '-i', 'WEB-01'];

beforeEach(() => {
  arm.on('GET', VAULT, { body: vault });
  arm.on('GET', MACHINE, { body: machine });
  arm.on('GET', POLICY, { body: policy });
  arm.on('GET', ITEMS, { body: { value: [item] } });
  arm.on('GET', ITEM, { body: item });
  arm.on('GET', POINT, { body: point });
  arm.on('GET', OPERATION, { body: operation('InProgress') }, { body: operation('Succeeded') });
  arm.on('GET', JOB, { body: job('Completed') });
  arm.seen.length = 0;
});

/** The requests since the test began, without what stands before the vault's own part. */
const seen = () => arm.seen.map((line) => line.replace(/\/subscriptions\/.*?\/vaults\/safe/i, 'V'));
const bodyOf = (method: string): unknown => arm.requests.findLast((request) => request.method === method)?.body;
const jobOut = (stdout: string): Job => JSON.parse(stdout) as Job;

test('vault create: looks first, puts, waits out the operation, shows the vault', async () => {
  const status = `${VAULT}/operationStatus/v1`;
  arm.on('GET', VAULT, { status: 404, body: { error: { code: 'ResourceNotFound', message: 'No.' } } }, { body: vault });
  const header = { 'azure-asyncoperation': `${arm.endpoint}${status}?api-version=2024-04-01`, 'retry-after': '1' };
  arm.on('PUT', VAULT, { status: 201, headers: header, body: vault });
  arm.on('GET', status, { body: operation('InProgress') }, { body: operation('Succeeded') });
  const words = ['vault', 'create', '-g', 'rg-north', '-n', 'safe', '-l', 'north', '--tags', 'team=blue', 'alone'];
  const { code, stdout } = await runCli(arm, ...words, '--immutability-state', 'unlocked');
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as { name: string }).name, 'safe');
  assert.deepEqual(seen(), ['GET V', 'PUT V', 'GET V/operationStatus/v1', 'GET V/operationStatus/v1', 'GET V']);
  assert.deepEqual(bodyOf('PUT'), {
    location: 'north',
    tags: { team: 'blue', alone: '' },
    sku: { name: 'Standard' },
    properties: { securitySettings: { immutabilitySettings: { state: 'Unlocked' } } },
  });
});

test('vault create of a vault that exists changes it', async () => {
  arm.on('PATCH', VAULT, { body: vault });
  assert.equal((await runCli(arm, 'vault', 'create', '-g', 'rg-north', '-n', 'safe', '-l', 'north')).code, 0);
  assert.deepEqual(seen(), ['GET V', 'PATCH V', 'GET V']);
});

test('vault delete asks first, and waits at Location', async () => {
  const result = `${VAULT}/operationResults/d1`;
  arm.on('DELETE', VAULT, { status: 202, headers: { location: `${arm.endpoint}${result}?api-version=2024-04-01` } });
  arm.on('GET', result, { status: 202 }, { status: 204 });
  const words = ['vault', 'delete', '-g', 'rg-north', '-n', 'safe'];
  const alone = await runCli(arm, ...words);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /'-y, --yes'/);
  const no = await runCli({ ...arm, answer: 'n' }, ...words);
  assert.deepEqual([no.code, no.stderr], [1, 'ERROR: Nothing was done.\n']);
  assert.deepEqual(seen(), []);
  assert.equal((await runCli({ ...arm, answer: 'Y' }, ...words)).code, 0);
  assert.deepEqual(seen(), ['DELETE V', 'GET V/operationResults/d1', 'GET V/operationResults/d1']);
});

test('vault delete --force deletes the items that stand in the way, then the vault', async () => {
  const message = 'Vault cannot be deleted as there are existing resources within the vault.';
  const refused = { status: 400, body: { error: { code: 'ServiceResourceNotEmptyWithContainerDetails', message } } };
  arm.on('DELETE', VAULT, refused, { status: 204 });
  arm.on('DELETE', ITEM, accepted(arm.endpoint));
  assert.equal((await runCli(arm, 'vault', 'delete', '-g', 'rg-north', '-n', 'safe', '-y')).code, 1);
  arm.on('DELETE', VAULT, refused, { status: 204 });
  arm.seen.length = 0;
  const { code } = await runCli(arm, 'vault', 'delete', '-g', 'rg-north', '-n', 'safe', '-y', '--force');
  assert.equal(code, 0);
  const deleted = seen().filter((line) => line.startsWith('DELETE'));
  assert.deepEqual(deleted, ['DELETE V', `DELETE ${ITEM.replace(VAULT, 'V')}`, 'DELETE V']);
});

test('policy set takes what policy show printed, without its nulls', async () => {
  arm.on('PUT', POLICY, { body: policy });
  const shown = {
    ...policy,
    resourceGroup: 'rg-north',
    eTag: null,
    properties: { ...policy.properties, tieringPolicy: null },
  };
  const file = join(arm.folder, 'policy.json');
  await writeFile(file, JSON.stringify(shown));
  for (const given of [JSON.stringify(shown), `@${file}`, file]) {
    assert.equal((await runCli(arm, 'policy', 'set', ...IN_VAULT, '--policy', given)).code, 0);
    assert.deepEqual(bodyOf('PUT'), { properties: policy.properties });
  }
  const broken = await runCli(arm, 'policy', 'set', ...IN_VAULT, '--policy', '{');
  assert.deepEqual([broken.code, broken.stdout], [2, '']);
});

test('enable-for-vm discovers the machine when the vault does not know it yet', async () => {
  const refresh = `${VAULT}/backupFabrics/Azure/refreshContainers`;
  const result = `${VAULT}/backupFabrics/Azure/operationResults/r1`;
  arm.on('GET', PROTECTABLE, { body: { value: [] } }, { body: { value: [protectable] } });
  arm.on('POST', refresh, { status: 202, headers: { location: `${arm.endpoint}${result}?api-version=2025-02-01` } });
  arm.on('GET', result, { status: 202 }, { status: 204 });
  arm.on('PUT', `${CONTAINER}/protectedItems/vm;iaasvmcontainerv2;rg-north;Web-01`, accepted(arm.endpoint));
  const words = ['protection', 'enable-for-vm', ...IN_VAULT, '--vm', 'web-01', '-p', 'Nightly'];
  const { code, stdout } = await runCli(arm, ...words, '--disk-list-setting', 'Include', '--diskslist', '0', '1');
  assert.equal(code, 0);
  assert.equal(jobOut(stdout).name, 'job-7');
  assert.deepEqual(bodyOf('PUT'), {
    properties: {
      protectedItemType: 'Microsoft.Compute/virtualMachines',
      sourceResourceId: MACHINE,
      policyId: POLICY,
      extendedProperties: { diskExclusionProperties: { diskLunList: [0, 1], isInclusionList: true } },
    },
  });
  assert.deepEqual(
    seen().map((line) => line.replace(/^(GET) \/.*\/(virtualMachines\/)/, '$1 $2')),
    [
      'GET virtualMachines/web-01',
      'GET V',
      'GET V/backupPolicies/Nightly',
      'GET V/backupProtectableItems',
      'POST V/backupFabrics/Azure/refreshContainers',
      'GET V/backupFabrics/Azure/operationResults/r1',
      'GET V/backupFabrics/Azure/operationResults/r1',
      'GET V/backupProtectableItems',
      `PUT ${CONTAINER.replace(VAULT, 'V')}/protectedItems/vm;iaasvmcontainerv2;rg-north;Web-01`,
      'GET V/backupOperations/op-1',
      'GET V/backupOperations/op-1',
      'GET V/backupJobs/job-7',
    ],
  );
});

test('enable-for-vm refuses a machine of another location before anything is changed', async () => {
  arm.on('GET', VAULT, { body: { ...vault, location: 'south' } });
  const { code, stderr } = await runCli(
    arm,
    'protection',
    'enable-for-vm',
    ...IN_VAULT,
    '--vm',
    MACHINE,
    '-p',
    'nightly',
  );
  assert.equal(code, 1);
  assert.match(stderr, /\(InvalidResourceLocation\) Machine Web-01 is in North, vault safe in south/);
  assert.ok(seen().every((line) => line.startsWith('GET')));
});

const running = (bytesDone: number) =>
  job('InProgress', [
    task('Take Snapshot', 'Completed', { duration: 'PT2S' }),
    task('Transfer data to vault', 'InProgress', { strongroom: { bytesDone, bytesTotal: 1000 } }),
  ]);
const finished = job('Completed', [
  task('Take Snapshot', 'Completed', { duration: 'PT2S' }),
  task('Transfer data to vault', 'Completed', { duration: 'PT4S', strongroom: { bytesDone: 1000, bytesTotal: 1000 } }),
]);

test('backup-now asks for a point and says in plain lines how it goes', async () => {
  arm.on('POST', `${ITEM}/backup`, accepted(arm.endpoint));
  arm.on('GET', JOB, { body: running(0) }, { body: running(10) }, { body: running(510) }, { body: finished });
  const { code, stdout, stderr } = await runCli(
    arm,
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
  assert.deepEqual(bodyOf('POST'), {
    properties: { objectType: 'IaasVMBackupRequest', recoveryPointExpiryTimeInUTC: '2026-12-31T00:00:00.000Z' },
  });
});

test('on a terminal the running sub task is redrawn in place and its end stays', async () => {
  arm.on('POST', `${ITEM}/backup`, accepted(arm.endpoint));
  arm.on('GET', JOB, { body: running(0) }, { body: running(250) }, { body: finished });
  const world = { ...arm, columns: 61, env: { LANG: 'en_US.UTF-8' } };
  const { stderr } = await runCli(world, 'protection', 'backup-now', ...ON_ITEM);
  assert.deepEqual(
    stderr.split(/\r|\n/).filter((line) => line !== ''),
    [
      '✔ Take Snapshot: completed, 2 s',
      'Transfer data to vault  ██░░░░░░░░░   25 %  250 B of 1.0 KiB',
      '✔ Transfer data to vault: completed, 1.0 KiB, 4 s',
    ],
  );
});

test('--no-wait and --only-show-errors: the job as it is, nothing else', async () => {
  arm.on('POST', `${ITEM}/backup`, accepted(arm.endpoint));
  arm.on('GET', JOB, { body: running(0) });
  const { code, stdout, stderr } = await runCli(arm, 'protection', 'backup-now', ...ON_ITEM, '--no-wait');
  assert.deepEqual([code, stderr, jobOut(stdout).properties.status], [0, '', 'InProgress']);
  arm.on('GET', JOB, { body: running(0) }, { body: finished });
  const quiet = await runCli(arm, 'job', 'wait', ...IN_VAULT, '-n', 'job-7', '--only-show-errors');
  assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
});

test('a job that fails prints itself, tells why, and exits with 1', async () => {
  const errorDetails = [
    {
      errorCode: 400094,
      errorTitle: 'BCMV2VMNotFound',
      errorString: 'The machine is gone.',
      recommendations: ['Look for it.'],
    },
  ];
  arm.on('GET', JOB, { body: job('Failed', [], { errorDetails }) });
  const { code, stdout, stderr } = await runCli(arm, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(code, 1);
  assert.equal(jobOut(stdout).properties.status, 'Failed');
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ERROR: Backup of Web-01 failed (job job-7).',
    '- (400094) BCMV2VMNotFound The machine is gone.',
    'Recommendation: Look for it.',
  ]);
});

test('Ctrl-C ends the watching, not the job, and says so', async () => {
  arm.on('GET', JOB, { body: running(10) });
  const clock = new EagerClock();
  const interrupt = new AbortController();
  let waits = 0;
  clock.onSleep = () => {
    waits += 1;
    if (waits === 3) interrupt.abort(new Interrupted());
  };
  const world = { ...arm, clock, signal: interrupt.signal };
  const { code, stdout, stderr } = await runCli(world, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.deepEqual([code, stdout], [130, '']);
  assert.match(
    stderr,
    /Job job-7 goes on in the vault\. To watch it again: strongroom job wait -g RG-North -v Safe -n job-7\n$/,
  );
  assert.ok(
    seen().every((line) => line.startsWith('GET')),
    'nothing was cancelled',
  );
});

test('a server that restarts does not end the wait, one that stays away does', async () => {
  const away = { drop: true };
  arm.on('GET', JOB, away, away, away, { body: finished });
  const back = await runCli(arm, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(back.code, 0);
  assert.equal(back.stderr.match(/cannot be reached; trying again/g)?.length, 1);
  arm.on('GET', JOB, away);
  const clock = new EagerClock();
  const start = clock.now();
  const { code, stderr } = await runCli({ ...arm, clock }, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(code, 1);
  assert.match(stderr, /\(ServerUnreachable\)/);
  assert.ok(clock.now() - start > 5 * 60_000 && clock.now() - start < 6 * 60_000);
});

test('job wait gives up after its timeout and leaves the job', async () => {
  arm.on('GET', JOB, { body: running(10) });
  const clock = new EagerClock();
  const start = clock.now();
  const { code, stderr } = await runCli(
    { ...arm, clock },
    'job',
    'wait',
    ...IN_VAULT,
    '-n',
    'job-7',
    '--timeout',
    '90',
  );
  assert.equal(code, 1);
  assert.equal(clock.now() - start, 90_000);
  assert.match(stderr, /ERROR: Job job-7 is not over after 90 s; it goes on\.\n$/);
});

test('Ctrl-C while the server still accepts says that what was asked for goes on', async () => {
  arm.on('POST', `${ITEM}/backup`, accepted(arm.endpoint));
  arm.on('GET', OPERATION, { body: operation('InProgress') });
  const clock = new EagerClock();
  const interrupt = new AbortController();
  clock.onSleep = () => interrupt.abort(new Interrupted());
  const { code, stderr } = await runCli(
    { ...arm, clock, signal: interrupt.signal },
    'protection',
    'backup-now',
    ...ON_ITEM,
  );
  assert.equal(code, 130);
  assert.match(stderr, /goes on in the vault: strongroom job list -g RG-North -v Safe shows it/);
});

test('an operation that failed is an error with its code', async () => {
  arm.on('POST', `${ITEM}/backup`, accepted(arm.endpoint));
  const error = { code: 'UserErrorBackupOperationInProgress', message: 'A snapshot is under way.' };
  arm.on('GET', OPERATION, { body: operation('Failed', { error }) });
  const { code, stderr } = await runCli(arm, 'protection', 'backup-now', ...ON_ITEM);
  assert.equal(code, 1);
  assert.equal(stderr, 'ERROR: (UserErrorBackupOperationInProgress) A snapshot is under way.\n');
});

test('disable, resume, undelete and set-policy send the puts of the model', async () => {
  arm.on('PUT', ITEM, accepted(arm.endpoint));
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
    assert.equal((await runCli(arm, ...words)).code, 0, words.join(' '));
    assert.deepEqual(bodyOf('PUT'), { properties }, words.join(' '));
  }
});

test('disable --delete-backup-data deletes the item', async () => {
  arm.on('DELETE', ITEM, accepted(arm.endpoint));
  const { code } = await runCli(arm, 'protection', 'disable', ...ON_ITEM, '-y', '--delete-backup-data', 'true');
  assert.equal(code, 0);
  assert.ok(seen().includes(`DELETE ${ITEM.replace(VAULT, 'V')}`));
});

test('items are found by friendly and native names, without case; two of a name are not guessed at', async () => {
  const native = ['IAASVMCONTAINER;iaasvmcontainerv2;rg-north;web-01', 'vm;iaasvmcontainerv2;rg-north;WEB-01'];
  for (const [container, name] of [native, ['iaasvmcontainerv2;rg-north;web-01', 'web-01'], ['WEB-01', 'Web-01']]) {
    const words = ['item', 'show', ...IN_VAULT, '-c', container as string, '-n', name as string];
    assert.equal((await runCli(arm, ...words, '--query', 'name', '-o', 'tsv')).stdout.trimEnd(), item.name);
  }
  assert.equal((await runCli(arm, 'item', 'show', ...IN_VAULT, '-c', 'web-01', '-n', 'web-02')).code, 3);
  const twin = { ...item, id: `${item.id}2`, name: `${item.name}2` };
  arm.on('GET', ITEMS, { body: { value: [item, twin] } });
  const { code, stderr } = await runCli(arm, 'item', 'show', ...IN_VAULT, '-c', 'web-01', '-n', 'web-01');
  assert.equal(code, 2);
  assert.match(stderr, /'web-01' stands for .*; give a native name/);
});

test('filters are those of the model', async () => {
  arm.on('GET', `${VAULT}/backupJobs`, { body: { value: [] } });
  arm.on('GET', `${ITEM}/recoveryPoints`, { body: { value: [] } });
  const filter = () => arm.requests.at(-1)?.url.searchParams.get('$filter');
  await runCli(
    arm,
    'job',
    'list',
    ...IN_VAULT,
    '--operation',
    'backup',
    '--status',
    'inprogress',
    '--start-date',
    '20-01-2026',
  );
  assert.equal(
    filter(),
    "backupManagementType eq 'AzureIaasVM' and operation eq 'Backup' and endTime eq '2026-02-19 12:00:00 AM' " +
      "and startTime eq '2026-01-20 12:00:00 AM' and status eq 'InProgress'",
  );
  await runCli(arm, 'recoverypoint', 'list', ...ON_ITEM, '--start-date', '01-01-2026', '--end-date', '05-01-2026');
  assert.equal(filter(), "endDate eq '2026-01-05 12:00:00 AM' and startDate eq '2026-01-01 12:00:00 AM'");
  await runCli(arm, 'recoverypoint', 'list', ...ON_ITEM);
  assert.equal(filter(), null);
});

test('restore-disks names its target in the additive property bag', async () => {
  arm.on('POST', `${POINT}/restore`, accepted(arm.endpoint));
  const words = ['restore', 'restore-disks', ...ON_ITEM, '-r', point.name];
  const cases: [words: string[], more: unknown][] = [
    [['--target-folder', 'drill'], { strongroom: { targetFolder: 'drill' } }],
    [
      ['--image-host', 'shelf', '--machine-name', 'web-copy', '--diskslist', '-1', '0'],
      { restoreDiskLunList: [-1, 0], strongroom: { imageHost: 'shelf', machineName: 'web-copy' } },
    ],
    [
      ['--storage-account', `${GROUP}/x/acc`, '-t', 'rg2'],
      {
        storageAccountId: `${GROUP}/x/acc`,
        targetResourceGroupId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg2`,
      },
    ],
  ];
  for (const [target, more] of cases) {
    const { code, stderr } = await runCli(arm, ...words, ...target);
    assert.equal(code, 0, stderr);
    assert.deepEqual(bodyOf('POST'), {
      properties: {
        objectType: 'IaasVMRestoreRequest',
        recoveryPointId: point.name,
        recoveryType: 'RestoreDisks',
        sourceResourceId: MACHINE,
        region: 'north',
        createNewCloudService: false,
        originalStorageAccountOption: false,
        ...(more as object),
      },
    });
  }
});

test('check-vm prints the vault that protects a machine, or nothing', async () => {
  const path = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/North/backupStatus`;
  arm.on(
    'POST',
    path,
    { body: { protectionStatus: 'Protected', vaultId: VAULT } },
    { body: { protectionStatus: 'NotProtected' } },
  );
  const words = ['protection', 'check-vm', '--vm', MACHINE, '-o', 'tsv'];
  assert.equal((await runCli(arm, ...words)).stdout, `${VAULT}\n`);
  assert.deepEqual(bodyOf('POST'), { resourceType: 'VM', resourceId: MACHINE });
  assert.equal((await runCli(arm, ...words)).stdout, '');
});

test('several ids give a list, one gives one', async () => {
  const words = ['vault', 'show', '--query', 'length(@)', '--ids'];
  assert.equal((await runCli(arm, ...words, VAULT, VAULT)).stdout, '2\n');
  assert.equal((await runCli(arm, 'vault', 'show', '--query', 'name', '-o', 'tsv', '--ids', VAULT)).stdout, 'safe\n');
});

test('machines, groups, containers and the account answer', async () => {
  const subscription = { id: `/subscriptions/${SUBSCRIPTION}`, subscriptionId: SUBSCRIPTION, displayName: 'Own cloud' };
  arm.on('GET', `/subscriptions/${SUBSCRIPTION}`, { body: { ...subscription, state: 'Enabled', tenantId: 't' } });
  arm.on('GET', `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`, {
    body: { value: [machine] },
  });
  arm.on('GET', `${VAULT}/backupProtectionContainers`, { body: { value: [] } });
  const group = { id: GROUP, name: 'rg-north', type: 'Microsoft.Resources/resourceGroups' };
  arm.on('GET', GROUP, { body: group });
  arm.on('DELETE', GROUP, { status: 202, headers: { location: `${arm.endpoint}/gone` } });
  assert.match((await runCli(arm, 'account', 'show')).stdout, /"name": "Own cloud"/);
  assert.match((await runCli(arm, 'vm', 'list', '-o', 'table')).stdout, /Web-01 {2}rg-north .* Linux {2}2 /);
  assert.equal((await runCli(arm, 'vm', 'list', '-d', '--query', '[].name', '-o', 'tsv')).stdout, 'Web-01\n');
  assert.equal(arm.requests.at(-1)?.url.searchParams.get('$expand'), 'instanceView');
  assert.equal((await runCli(arm, 'group', 'exists', '-n', 'rg-north')).stdout, 'true\n');
  assert.equal((await runCli(arm, 'group', 'exists', '-n', 'rg-lost')).stdout, 'false\n');
  assert.equal((await runCli(arm, 'group', 'delete', '-n', 'rg-north', '-y', '--no-wait')).code, 0);
  assert.equal((await runCli(arm, 'container', 'list', ...IN_VAULT)).stdout, '[]\n');
  assert.equal((await runCli(arm, 'container', 'show', ...IN_VAULT, '-n', 'web-01')).code, 3);
});
