import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approveAction, GUARD_ACTION } from '../src/api/multiUser.ts';
import { allows } from '../src/identity/rbac.ts';
import { BUILT_IN_ROLES } from '../src/identity/roleDefinitions.ts';
import { type CriticalOperation, GUARDED_OPERATIONS } from '../src/vault/resourceGuard.ts';

const OPERATIONS = Object.keys(GUARDED_OPERATIONS) as CriticalOperation[];
const rolesThat = (action: string): readonly string[] =>
  Object.values(BUILT_IN_ROLES)
    .filter((role) => allows(role, action))
    .map(({ name }) => name)
    .sort();

test('consent is given by the operator of multi-user authorization and by who owns the guard, never by a reader', () => {
  for (const operation of OPERATIONS)
    assert.deepEqual(rolesThat(approveAction(operation)), ['Backup MUA Operator', 'Contributor', 'Owner'], operation);
});

test('guards are made and removed by their keepers', () => {
  for (const verb of ['write', 'delete'])
    assert.deepEqual(rolesThat(`${GUARD_ACTION}/${verb}`), ['Backup MUA Admin', 'Contributor', 'Owner'], verb);
  const readers = rolesThat(`${GUARD_ACTION}/read`);
  for (const role of ['Reader', 'Backup MUA Admin', 'Backup MUA Operator']) assert.ok(readers.includes(role), role);
});
