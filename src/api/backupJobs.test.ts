import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimJob, finishJob, updateJob } from '../db/jobs.ts';
import { itemPath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { type TestServer, testServer } from './testing/testServer.ts';

const ITEM = itemPath('web01');
const JOBS = `${VAULT}/backupJobs`;
const BODY = { properties: { objectType: 'IaasVMBackupRequest' } };

async function backUp(server: TestServer): Promise<string> {
  const accepted = await server.call('POST', `${ITEM}/backup`, BODY);
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const status = await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '');
  assert.equal(status.body.status, 'Succeeded');
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 204);
  return status.body.properties.jobId;
}

test('a backup is accepted with a job in progress, kept 30 days unless told otherwise', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const jobId = await backUp(server);
  const { body } = await server.call('GET', `${JOBS}/${jobId}`);
  assert.deepEqual([body.properties.operation, body.properties.status], ['Backup', 'InProgress']);
  assert.deepEqual(body.properties.actionsInfo, ['Cancellable']);
  assert.deepEqual(
    body.properties.extendedInfo.tasksList.map((task: { taskId: string; status: string }) => [
      task.taskId,
      task.status,
    ]),
    [
      ['Take Snapshot', 'NotStarted'],
      ['Transfer data to vault', 'NotStarted'],
    ],
  );
  const request = server.asked[0]?.values[1] as { retainUntil: number; userTriggered: boolean };
  assert.deepEqual([request.retainUntil, request.userTriggered], [server.clock.now() + 30 * 86_400_000, true]);
  const second = await server.call('POST', `${ITEM}/backup`, BODY);
  assert.deepEqual([second.status, second.body.error.code], [409, 'UserErrorBackupOperationInProgress']);
});

test('a retention that is no time, past or too far is refused; one with an offset or without is read', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const ask = (recoveryPointExpiryTimeInUTC: unknown) =>
    server.call('POST', `${ITEM}/backup`, { properties: { ...BODY.properties, recoveryPointExpiryTimeInUTC } });
  for (const wrong of ['tomorrow', '2026-01-05', '2125-02-01T00:00:00Z', '31-12-2026', '2026-13-01T00:00:00Z']) {
    const { status, body } = await ask(wrong);
    assert.deepEqual(
      [status, body.error.code, body.error.target],
      [400, 'BadRequest', 'properties.recoveryPointExpiryTimeInUTC'],
      wrong,
    );
  }
  assert.equal((await ask('2026-02-01T10:00:00+02:00')).status, 202);
  const request = server.asked.at(-1)?.values[1] as { retainUntil: number };
  assert.equal(request.retainUntil, Date.parse('2026-02-01T08:00:00Z'));
  const other = await server.call('POST', `${ITEM}/backup`, {
    properties: { objectType: 'AzureWorkloadBackupRequest' },
  });
  assert.match(other.body.error.message, /IaasVMBackupRequest/);
});

test('a machine whose protection is stopped, or that is unknown, is not backed up', async () => {
  await using server = await testServer();
  await makeVault(server);
  const unknown = await server.call('POST', `${ITEM}/backup`, BODY);
  assert.deepEqual([unknown.status, unknown.body.error.code], [404, 'ResourceNotFound']);
  await protect(server);
  await putItem(server, 'web01', { policyId: '', protectionState: 'ProtectionStopped' });
  const stopped = await server.call('POST', `${ITEM}/backup`, BODY);
  assert.deepEqual([stopped.status, stopped.body.error.code], [400, 'UserErrorBcmDatasourceNotPresent']);
});

test('jobs are listed newest first and by status, operation and time', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  await server.clock.turn(3_600_000);
  const jobId = await backUp(server);
  const list = async (filter: string) => {
    const { body } = await server.call('GET', `${JOBS}?$filter=${encodeURIComponent(filter)}`);
    return body.value.map((job: { properties: { operation: string } }) => job.properties.operation);
  };
  assert.deepEqual(await list("backupManagementType eq 'AzureIaasVM'"), ['Backup', 'ConfigureBackup']);
  assert.deepEqual(await list("status eq 'InProgress'"), ['Backup']);
  assert.deepEqual(await list("operation eq 'configurebackup' and status eq 'Completed'"), ['ConfigureBackup']);
  assert.deepEqual(await list("endTime eq '2026-01-05 08:30:00 AM' and startTime eq '2026-01-05 07:00:00 AM'"), [
    'ConfigureBackup',
  ]);
  assert.deepEqual(await list(`jobId eq '${jobId}'`), ['Backup']);
  assert.deepEqual(await list(`jobId eq '${jobId}' and status eq 'Failed'`), []);
  assert.deepEqual(await list("entityFriendlyName eq 'WEB01'"), ['Backup', 'ConfigureBackup']);
  assert.deepEqual(await list("entityFriendlyName eq 'web0'"), []);
  assert.deepEqual(await list("backupManagementType eq 'AzureStorage'"), []);
  const page = await server.call('GET', `${JOBS}?$top=1`);
  const next = await server.call('GET', page.body.nextLink);
  assert.deepEqual([page.body.value[0].properties.extendedInfo, next.body.value.length], [undefined, 1]);
  const wrong = async (filter: string) =>
    (await server.call('GET', `${JOBS}?$filter=${encodeURIComponent(filter)}`)).body.error;
  assert.match((await wrong("status eq 'Done'")).message, /'Completed'/);
  assert.match(
    (await wrong("startTime eq '2026-01-05 08:30:00 AM' and endTime eq '2026-01-05 07:00:00 AM'")).message,
    /startTime/,
  );
});

test('a running job tells its progress, a failed one why', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const jobId = await backUp(server);
  const { queries } = server.db;
  const start = server.clock.now();
  await claimJob(queries, 'runner', start, 60_000);
  await server.clock.turn(90_500);
  await updateJob(queries, jobId, 1, {
    subTasks: [
      { name: 'Take Snapshot', status: 'Completed', startTime: start, endTime: start + 30_500 },
      {
        name: 'Transfer data to vault',
        status: 'InProgress',
        startTime: start + 30_500,
        bytesDone: 3,
        bytesTotal: 4,
        bytesPerSecond: 1,
        remainingMs: 60_000,
        note: 'whole disk',
      },
    ],
  });
  const { properties } = (await server.call('GET', `${JOBS}/${jobId.toUpperCase()}`)).body;
  assert.equal(properties.duration, 'PT1M30.5S');
  assert.deepEqual(properties.actionsInfo, ['Cancellable']);
  assert.equal(properties.extendedInfo.progressPercentage, 87);
  assert.equal(properties.extendedInfo.estimatedRemainingDuration, 'PT1M');
  assert.deepEqual(properties.extendedInfo.tasksList[1], {
    taskId: 'Transfer data to vault',
    status: 'InProgress',
    startTime: '2026-01-05T08:00:30.500Z',
    duration: 'PT1M',
    progressPercentage: 75,
    taskExecutionDetails: 'whole disk',
    strongroom: { bytesDone: 3, bytesTotal: 4, bytesPerSecond: 1, remainingMs: 60_000, note: 'whole disk' },
  });
  const errors = [{ code: 'BCMV2VMNotFound', message: 'It is gone.', recommendations: ['Look for it.'] }];
  await finishJob(queries, jobId, 1, { status: 'Failed', now: server.clock.now(), errors });
  const failed = (await server.call('GET', `${JOBS}/${jobId}`)).body.properties;
  assert.deepEqual(failed.errorDetails, [
    { errorCode: 400094, errorTitle: 'BCMV2VMNotFound', errorString: 'It is gone.', recommendations: ['Look for it.'] },
  ]);
});

test('a backup in progress is cancelled, a job that is over is not', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const jobId = await backUp(server);
  const accepted = await server.call('POST', `${JOBS}/${jobId}/cancel`);
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 204);
  assert.equal((await server.call('GET', `${JOBS}/${jobId}`)).body.properties.status, 'Cancelling');
  const { value } = (await server.call('GET', `${JOBS}?$filter=operation eq 'ConfigureBackup'`)).body;
  const refused = await server.call('POST', `${JOBS}/${value[0].name}/cancel`);
  assert.deepEqual([refused.status, refused.body.error.code], [400, 'UserErrorJobNotCancellable']);
  assert.match(refused.body.error.message, /isn't supported for this job type/);
  const none = await server.call('POST', `${JOBS}/${crypto.randomUUID()}/cancel`);
  assert.deepEqual([none.status, none.body.error.code], [404, 'ResourceNotFound']);
});

test('a job is found only in its own vault', async () => {
  await using server = await testServer();
  await makeVault(server);
  const second = VAULT.replace('safe', 'second');
  await makeVault(server, second);
  await protect(server);
  const jobId = await backUp(server);
  assert.equal((await server.call('GET', `${second}/backupJobs/${jobId}`)).status, 404);
  assert.deepEqual((await server.call('GET', `${second}/backupJobs`)).body, { value: [] });
});

test('a backup that failed can be asked for again, by whoever may back up; nothing else can', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const jobId = await backUp(server);
  const early = await server.call('POST', `${JOBS}/${jobId}/retry`);
  assert.deepEqual([early.status, early.body.error.code], [400, 'UserErrorJobNotRetriable']);
  const { queries } = server.db;
  await claimJob(queries, 'runner', server.clock.now(), 60_000);
  const errors = [{ code: 'UserErrorFsFreezeFailed', message: '/var is busy.', recommendations: [] }];
  await finishJob(queries, jobId, 1, { status: 'Failed', now: server.clock.now(), errors });
  const { properties } = (await server.call('GET', `${JOBS}/${jobId}`)).body;
  assert.deepEqual(properties.actionsInfo, ['Retriable']);
  assert.match(
    properties.errorDetails[0].errorString,
    /^Failed to freeze one or more mount-points .* \/var is busy\.$/,
  );
  assert.ok(properties.errorDetails[0].recommendations.length > 0, 'the catalogue knows what to do');
  const backUpAction =
    'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action';
  server.denied.add(backUpAction);
  assert.equal((await server.call('POST', `${JOBS}/${jobId}/retry`)).status, 403);
  server.denied.delete(backUpAction);
  const accepted = await server.call('POST', `${JOBS}/${jobId}/retry`);
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const status = await server.call('GET', accepted.headers['azure-asyncoperation'] ?? '');
  assert.notEqual(status.body.properties.jobId, jobId);
  const again = (await server.call('GET', `${JOBS}/${status.body.properties.jobId}`)).body.properties;
  assert.deepEqual([again.operation, again.status], ['Backup', 'InProgress']);
  assert.equal((await server.call('GET', accepted.headers.location ?? '')).status, 204);
});
