import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Immutability } from '../vault/vault.ts';
import { itemPath, makeVault, protect, putItem, VAULT } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { type Answer, type TestServer, testServer } from './testing/testServer.ts';

const POLICIES = `${VAULT}/backupPolicies`;
const STATES: readonly Immutability[] = ['Disabled', 'Unlocked', 'Locked'];
const DENIED = 'UserErrorOperationDeniedOnImmutableItem';
const CHANGE = 'UserErrorUnsupportedVaultImmutabilityStateChange';

const immutability = (server: TestServer, state: Immutability) =>
  server.call('PATCH', VAULT, { properties: { securitySettings: { immutabilitySettings: { state } } } });

/** The default policy with another daily retention, under a name. */
async function putPolicy(server: TestServer, name: string, days: number): Promise<Answer> {
  const { properties } = (await server.call('GET', `${POLICIES}/DefaultPolicy`)).body;
  properties.retentionPolicy.dailySchedule.retentionDuration.count = days;
  return server.call('PUT', `${POLICIES}/${name}`, { properties });
}

const stop = (protectionState: string) => (server: TestServer) =>
  putItem(server, 'web01', { policyId: '', protectionState });

/** Each operation on a vault with one machine and one point, and what it answers in each state. */
const OPERATIONS: readonly (readonly [
  string,
  (server: TestServer) => Promise<Answer>,
  Readonly<Record<Immutability, string>>,
])[] = [
  [
    'stop and delete the data',
    (server) => server.call('DELETE', itemPath('web01')),
    { Disabled: '202', Unlocked: DENIED, Locked: DENIED },
  ],
  [
    'shorten the policy',
    (server) => putPolicy(server, 'DefaultPolicy', 29),
    { Disabled: '2xx', Unlocked: DENIED, Locked: DENIED },
  ],
  [
    'move to a policy that keeps less',
    (server) => protect(server, 'web01', 'Shorter'),
    { Disabled: '202', Unlocked: DENIED, Locked: DENIED },
  ],
  ['move to a policy that keeps more', (server) => protect(server, 'web01', 'Longer'), same('202')],
  ['lengthen the policy', (server) => putPolicy(server, 'DefaultPolicy', 31), same('2xx')],
  ['stop and retain for ever', stop('ProtectionStopped'), same('202')],
  [
    'stop and retain as the policy says',
    stop('BackupsSuspended'),
    { Disabled: DENIED, Unlocked: '202', Locked: '202' },
  ],
  ['switch it off', (server) => immutability(server, 'Disabled'), { Disabled: '200', Unlocked: '200', Locked: CHANGE }],
  ['unlock it', (server) => immutability(server, 'Unlocked'), { Disabled: '200', Unlocked: '200', Locked: CHANGE }],
  ['lock it', (server) => immutability(server, 'Locked'), { Disabled: CHANGE, Unlocked: '200', Locked: '200' }],
];

function same(outcome: string): Readonly<Record<Immutability, string>> {
  return { Disabled: outcome, Unlocked: outcome, Locked: outcome };
}

async function vaultIn(state: Immutability): Promise<TestServer> {
  const server = await testServer();
  await makeVault(server);
  await putPolicy(server, 'Shorter', 8);
  await putPolicy(server, 'Longer', 300);
  await protect(server);
  await addPoint(server, '1', 1);
  for (const step of STATES.slice(1, STATES.indexOf(state) + 1))
    assert.equal((await immutability(server, step)).status, 200, step);
  return server;
}

for (const state of STATES) {
  test(`what a vault whose immutability is ${state} lets be done`, async () => {
    for (const [name, operation, outcomes] of OPERATIONS) {
      await using server = await vaultIn(state);
      const { status, body } = await operation(server);
      const wanted = outcomes[state];
      const got = status >= 400 ? body.error.code : wanted === '2xx' ? '2xx' : String(status);
      assert.equal(got, wanted, `${name}: ${JSON.stringify(body)}`);
    }
  });
}

test('a vault is not made with a locked immutability, and Azure’s text tells of a locked one', async () => {
  await using server = await testServer();
  const body = (state: Immutability) => ({
    location: 'westeurope',
    sku: { name: 'RS0' },
    properties: { securitySettings: { immutabilitySettings: { state } } },
  });
  const locked = await server.call('PUT', VAULT, body('Locked'));
  assert.deepEqual([locked.status, locked.body.error.code], [400, CHANGE]);
  assert.match(locked.body.error.message, /is Disabled; it cannot become Locked\. Legal: Unlocked/);
  assert.equal(server.stores.size, 0);
  assert.equal((await server.call('PUT', VAULT, body('Unlocked'))).status, 201);
  await immutability(server, 'Locked');
  const off = await immutability(server, 'Disabled');
  assert.match(off.body.error.message, /^The immutable vault property for this vault is locked, hence/);
});
