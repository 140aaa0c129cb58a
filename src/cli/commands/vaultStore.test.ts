import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { VAULT } from '../testing/samples.ts';
import { IN_VAULT, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

const STORE = `${VAULT}/stores/default`;
const STORE_TYPE = 'Microsoft.RecoveryServices/vaults/stores';
const JOB = `${STORE}/jobs/job-9`;

const storeJob = (status: string, more: object = {}) => ({
  id: JOB,
  name: 'job-9',
  type: 'Microsoft.RecoveryServices/vaults/stores/jobs',
  properties: {
    operation: 'Collect',
    status,
    startTime: '2026-03-02T09:00:00Z',
    isUserTriggered: true,
    errors: [],
    details: {},
    ...more,
  },
});
const over = { endTime: '2026-03-02T09:00:05Z', details: { Freed: '12.0 MiB' } };

test('collect asks for it, waits for its job and prints it', async () => {
  world.on('POST', `${STORE}/collect`, { status: 202, body: storeJob('InProgress') });
  world.on('GET', JOB, { body: storeJob('InProgress') }, { body: storeJob('Completed', over) });
  const { code, stdout } = await runCli(world, 'vault', 'collect', ...IN_VAULT, '--approve', '-o', 'table');
  assert.equal(code, 0);
  assert.match(stdout, /job-9 +Collect +Completed +2026-03-02T09:00:00Z +Freed: 12\.0 MiB/);
  assert.deepEqual(world.bodyOf('POST'), { approved: true });
});

test('a dry run prints what would go, and why', async () => {
  const collectPlan = {
    markedPoints: 2,
    packs: [{ packId: 'ab', action: 'condemnToDrop', reason: 'no point refers to it' }],
  };
  world.on('POST', `${STORE}/collect`, { status: 202, body: storeJob('InProgress') });
  world.on('GET', JOB, { body: storeJob('Completed', over) });
  world.on('GET', STORE, { body: { id: STORE, name: 'default', type: STORE_TYPE, properties: { collectPlan } } });
  const { code, stdout } = await runCli(world, 'vault', 'collect', ...IN_VAULT, '--dry-run');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), collectPlan);
  assert.deepEqual(world.bodyOf('POST'), { dryRun: true });
});

test('what was refused is told with its recommendation, exit code 1', async () => {
  const errors = [{ code: 'CollectRefused', message: 'The clock jumped.', recommendations: ['Approve it.'] }];
  world.on('POST', `${STORE}/collect`, { status: 202, body: storeJob('InProgress') });
  world.on('GET', JOB, { body: storeJob('Failed', { ...over, errors }) });
  const { code, stderr } = await runCli(world, 'vault', 'collect', ...IN_VAULT);
  assert.equal(code, 1);
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ERROR: Collect failed (job job-9).',
    '- (CollectRefused) The clock jumped.',
    'Recommendation: Approve it.',
  ]);
});

test('the store is shown as a table', async () => {
  const properties = {
    vaultId: 'vault-id',
    redundancy: { wanted: 'GeoRedundant', actual: 'LocallyRedundant', why: 'One place.' },
    stored: { packs: 7, sizeBytes: 3 * 2 ** 20 },
    damagedPacks: 1,
    lastVerify: { at: '2026-03-02T08:00:00.123Z' },
  };
  world.on('GET', STORE, { body: { id: STORE, name: 'default', type: STORE_TYPE, properties } });
  const { code, stdout } = await runCli(world, 'vault', 'show-store', ...IN_VAULT, '-o', 'table');
  assert.equal(code, 0);
  assert.match(stdout, /vault-id +LocallyRedundant +7 +3\.0 MiB +1 +2026-03-02T08:00:00Z/);
});
