import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordEndedJob } from '../db/jobs.ts';
import { findVault } from '../db/vaults.ts';
import { makeVault, protect, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

async function fill(server: TestServer, count: number): Promise<void> {
  const [, , , , group = '', , , , name = ''] = VAULT.split('/');
  const vault = await findVault(server.db.queries, SUBSCRIPTION, group, name);
  for (let i = 0; i < count; i++)
    await recordEndedJob(
      server.db.queries,
      {
        vaultId: vault?.id ?? '',
        operation: 'Backup',
        entityFriendlyName: i === 0 ? '=cmd()' : `web${i}`,
        isUserTriggered: false,
        startedBy: 'schedule',
        startTime: server.clock.now() + i,
      },
      { status: 'Completed', endTime: server.clock.now() + i + 5 },
    );
}

async function resultOf(server: TestServer, query = ''): Promise<{ url: string; poll: string }> {
  const accepted = await server.call('POST', `${VAULT}/backupJobsExport${query}`);
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const poll = accepted.headers.location ?? '';
  const { operation } = (await server.call('GET', poll)).body;
  assert.equal(operation.objectType, 'ExportJobsOperationResultInfo');
  return { url: `${operation.blobUrl}${operation.blobSasKey}`, poll };
}

const download = (server: TestServer, url: string) =>
  server.app.inject({ method: 'GET', url: url.replace(/^https:\/\/[^/]+/, '') });

test('an export gives all jobs of the filter, however many pages, to whoever has the key', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  await fill(server, 520);
  const { url } = await resultOf(server, "?$filter=operation eq 'Backup'");
  const file = await download(server, url);
  assert.equal(file.statusCode, 200);
  const jobs = file.json() as { properties: { operation: string; extendedInfo: object } }[];
  assert.equal(jobs.length, 520);
  assert.ok(jobs.every(({ properties }) => properties.operation === 'Backup' && properties.extendedInfo));
});

test('a key opens the file once, for 15 minutes; asking again makes another', async () => {
  await using server = await testServer();
  await makeVault(server);
  const first = await resultOf(server);
  assert.deepEqual((await download(server, first.url)).json(), []);
  assert.equal((await download(server, first.url)).statusCode, 404, 'twice');
  const again = async () => {
    const { operation } = (await server.call('GET', first.poll)).body;
    return `${operation.blobUrl}${operation.blobSasKey}`;
  };
  const second = await again();
  assert.notEqual(second, first.url);
  assert.equal((await download(server, `${second}x`)).statusCode, 404, 'a wrong key');
  assert.equal((await download(server, second)).statusCode, 200);
  const late = await again();
  await server.clock.turn(15 * 60_000);
  assert.equal((await download(server, late)).statusCode, 404, 'too late');
  const row = await server.db.queries.selectFrom('job_exports').selectAll().executeTakeFirstOrThrow();
  assert.ok(!JSON.stringify(row).includes(late.split('sig=')[1] ?? '-'), 'the key itself is not kept');
});

test('for a spreadsheet, cells are quoted and formulas are text', async () => {
  await using server = await testServer();
  await makeVault(server);
  await fill(server, 2);
  const { url } = await resultOf(server, '?format=csv');
  const lines = (await download(server, url)).body.trim().split('\r\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^name,operation,status,entityFriendlyName/);
  assert.match(lines[2] ?? '', /"Backup","Completed","'=cmd\(\)"/);
  const wrong = await server.call('POST', `${VAULT}/backupJobsExport?format=xls`);
  assert.equal(wrong.status, 400);
});

test('an export and its key need a role', async () => {
  await using server = await testServer();
  await makeVault(server);
  const { poll } = await resultOf(server);
  server.denied.add('Microsoft.RecoveryServices/Vaults/backupJobs/operationResults/read');
  assert.equal((await server.call('GET', poll)).status, 403);
  server.denied.add('Microsoft.RecoveryServices/Vaults/backupJobsExport/action');
  assert.equal((await server.call('POST', `${VAULT}/backupJobsExport`)).status, 403);
});
