import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../db/openDatabase.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { databasePrincipals, databaseRoleAssignments } from './databaseStores.ts';
import type { PrincipalStore } from './principalStore.ts';
import { MemoryRoleAssignments, type RoleAssignmentStore } from './roleAssignment.ts';
import { addSecret, createServicePrincipal, holdsSecret } from './servicePrincipals.ts';

const clock = new TurnedClock();

const principalStore = async (store: PrincipalStore): Promise<void> => {
  const { principal, secret } = await createServicePrincipal(store, clock, {
    tenantId: 'tenant-1',
    displayName: 'first',
  });
  assert.deepEqual(await store.findByAppId(principal.appId.toUpperCase()), principal);
  assert.equal(await store.findByAppId('none'), undefined);
  await createServicePrincipal(store, clock, { tenantId: 'tenant-1', displayName: 'second' });
  assert.equal((await store.list()).length, 2);
  const newer = await addSecret(store, clock, principal);
  const now = await store.findByAppId(principal.appId);
  assert.ok(now && holdsSecret(now, newer, clock.now()) && holdsSecret(now, secret, clock.now()));
  await store.save({ ...now, disabled: true });
  assert.equal((await store.findByAppId(principal.appId))?.disabled, true);
};

const assignmentStore = async (store: RoleAssignmentStore): Promise<void> => {
  await store.save({ id: 'a', principalId: 'p', roleId: 'r1', scope: '/' });
  await store.save({ id: 'a', principalId: 'p', roleId: 'r2', scope: '/subscriptions/S' });
  await store.save({ id: 'b', principalId: 'q', roleId: 'r1', scope: '/' });
  assert.deepEqual(await store.forPrincipal('p'), [
    { id: 'a', principalId: 'p', roleId: 'r2', scope: '/subscriptions/S' },
  ]);
  assert.deepEqual(await store.forPrincipal('nobody'), []);
};

test('the memory store keeps the contract', async () => {
  await assignmentStore(new MemoryRoleAssignments());
});

test('the database stores keep the same contract', async () => {
  await using db = await openDatabase({ path: ':memory:' });
  await principalStore(databasePrincipals(db, clock));
  await assignmentStore(databaseRoleAssignments(db, clock));
});

test('a secret is 256 bits, stands nowhere in the record, and ends when it is told to', async () => {
  await using db = await openDatabase({ path: ':memory:' });
  const { principal, secret } = await createServicePrincipal(databasePrincipals(db, clock), clock, {
    tenantId: 't',
    displayName: 'n',
  });
  assert.match(secret, /^s/, 'no client takes it for an option');
  assert.equal(Buffer.from(secret.slice(1), 'base64url').length, 32);
  assert.ok(!JSON.stringify(principal).includes(secret));
  assert.ok(holdsSecret(principal, secret, clock.now()));
  for (const wrong of ['', secret.slice(1), `${secret}=`, secret.toUpperCase()])
    assert.ok(!holdsSecret(principal, wrong, clock.now()));
  const ending = { ...principal, secrets: principal.secrets.map((one) => ({ ...one, expiresAt: clock.now() + 1 })) };
  assert.ok(holdsSecret(ending, secret, clock.now()));
  assert.ok(!holdsSecret(ending, secret, clock.now() + 1));
});
