import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimJob, finishJob } from '../db/jobs.ts';
import { recordPacks } from '../db/packs.ts';
import { changeStoreState } from '../db/storeStates.ts';
import { listVaults } from '../db/vaults.ts';
import { makeVault, VAULT } from './testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from './testing/testServer.ts';

const STORE = `${VAULT}/stores/default`;

const vaultIdOf = async (server: TestServer): Promise<string> =>
  (await listVaults(server.db.queries, SUBSCRIPTION))[0]!.id;

test('a store shows its redundancy, its size and what was done to it, times as ISO 8601', async () => {
  await using server = await testServer();
  await makeVault(server);
  const vaultId = await vaultIdOf(server);
  const pack = { vaultId, name: 'p/ab/x', kind: 'data', slots: 3, sessionId: 's', createdAt: 1 } as const;
  await recordPacks(server.db.queries, [{ ...pack, packId: 'ab'.repeat(16), sizeBytes: 700 }]);
  const at = Date.parse('2026-03-02T09:00:00Z');
  await changeStoreState(server.db.queries, vaultId, {
    gcSeq: 4,
    lastVerify: { at, objects: 12, damages: [{ foundAt: at }] },
    reconcile: { since: at, why: ['the store has gc/5'] },
  });
  const { status, body } = await server.call('GET', STORE);
  assert.equal(status, 200);
  assert.deepEqual(body.properties, {
    vaultId,
    redundancy: { wanted: 'GeoRedundant', actual: 'LocallyRedundant', why: 'One place.' },
    stored: { packs: 1, sizeBytes: 700 },
    damagedPacks: 0,
    lastVerify: { at: '2026-03-02T09:00:00.000Z', objects: 12, damages: [{ foundAt: '2026-03-02T09:00:00.000Z' }] },
    reconcile: { since: '2026-03-02T09:00:00.000Z', why: ['the store has gc/5'] },
  });
});

test('what is asked for is a job of its own list; asking again while it runs gives the same', async () => {
  await using server = await testServer();
  await makeVault(server);
  const asked = await server.call('POST', `${STORE}/collect`, { dryRun: true });
  assert.deepEqual([asked.status, asked.body.properties.operation], [202, 'Collect']);
  assert.deepEqual((server.asked[0]!.values[2] as { parameters: unknown }).parameters, { dryRun: true });
  const again = await server.call('POST', `${STORE}/collect`);
  assert.equal(again.body.name, asked.body.name);
  const running = await server.call('GET', asked.headers.location!);
  assert.equal(running.body.properties.endTime, undefined);
  const job = await claimJob(server.db.queries, 'worker', server.clock.now(), 1000);
  await finishJob(server.db.queries, job!.id, job!.epoch, {
    status: 'Completed',
    now: server.clock.now(),
    patch: { propertyBag: { Freed: '1.0 MiB' } },
  });
  const { body } = await server.call('GET', `${STORE}/jobs`);
  assert.deepEqual(
    body.value.map(({ properties }: { properties: { status: string; details: unknown } }) => [
      properties.status,
      properties.details,
    ]),
    [['Completed', { Freed: '1.0 MiB' }]],
  );
  assert.deepEqual((await server.call('GET', `${VAULT}/backupJobs`)).body.value, [], "not in Azure's list");
  assert.notEqual((await server.call('POST', `${STORE}/collect`)).body.name, asked.body.name, 'a new one now');
});

test('a body that is not one of the action is refused, naming the field', async () => {
  await using server = await testServer();
  await makeVault(server);
  for (const [action, body] of [
    ['collect', { dryRun: 'yes' }],
    ['collect', { force: true }],
    ['verify', { scope: 'half' }],
    ['replicate', { now: true }],
  ] as const) {
    const refused = await server.call('POST', `${STORE}/${action}`, body);
    assert.equal(refused.status, 400, action);
    assert.match(refused.body.error.message, new RegExp(Object.keys(body)[0]!));
  }
  assert.equal((await server.call('POST', `${STORE}/erase`)).status, 404);
  assert.equal((await server.call('GET', `${STORE}/jobs/nothing`)).status, 404);
});

test('each action is a right of its own', async () => {
  await using server = await testServer();
  await makeVault(server);
  server.denied.add('Microsoft.RecoveryServices/vaults/stores/collect/action');
  assert.equal((await server.call('POST', `${STORE}/collect`)).status, 403);
  assert.equal((await server.call('POST', `${STORE}/verify`)).status, 202);
});
