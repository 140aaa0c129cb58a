import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers } from '../arm/scope.ts';
import { createAuthorizer, matchesAction } from './rbac.ts';
import { MemoryRoleAssignments } from './roleAssignment.ts';
import { BUILT_IN_ROLES } from './roleDefinitions.ts';

const VAULT = 'Microsoft.RecoveryServices/vaults';
const { owner, contributor, reader } = BUILT_IN_ROLES;

test('a scope covers itself and what is below it', () => {
  assert.ok(covers('/', '/subscriptions/s'));
  assert.ok(covers('/subscriptions/S/', '/SUBSCRIPTIONS/s/resourceGroups/r'));
  assert.ok(covers('/subscriptions/s/resourceGroups/r', '/subscriptions/s/resourcegroups/R'));
  assert.ok(!covers('/subscriptions/s', '/subscriptions/s2'));
  assert.ok(!covers('/subscriptions/s/resourceGroups/r', '/subscriptions/s'));
  assert.ok(!covers('/subscriptions/\u0131', '/subscriptions/i'));
});

test('deny by default; roles add up; notActions hold back from their own role only', async () => {
  const at = (principalId: string, roleId: string, scope: string) => ({
    id: `${principalId}${roleId}${scope}`,
    principalId,
    roleId,
    scope,
  });
  const assignments = new MemoryRoleAssignments([
    at('a', reader.id.toUpperCase(), '/subscriptions/s/resourceGroups/r1'),
    at('b', contributor.id, '/subscriptions/s'),
    at('b', owner.id, '/subscriptions/s/resourceGroups/r1'),
    at('c', '00000000-0000-0000-0000-000000000000', '/'),
  ]);
  const { authorize } = createAuthorizer({ assignments });
  const may = (objectId: string, action: string, scope: string) =>
    authorize({ objectId, tenantId: 't', appId: 'x', name: 'n' }, action, scope);
  assert.ok(await may('a', `${VAULT}/read`, '/subscriptions/s/resourceGroups/r1/providers/x/vaults/v'));
  assert.ok(!(await may('a', `${VAULT}/read`, '/subscriptions/s/resourceGroups/r10')));
  assert.ok(!(await may('a', `${VAULT}/write`, '/subscriptions/s/resourceGroups/r1')));
  assert.ok(!(await may('b', 'Microsoft.Authorization/roleAssignments/write', '/subscriptions/s')));
  assert.ok(await may('b', 'Microsoft.Authorization/roleAssignments/write', '/subscriptions/s/resourceGroups/r1'));
  assert.ok(!(await may('c', `${VAULT}/read`, '/')), 'a role nobody knows grants nothing');
  assert.ok(!(await may('d', `${VAULT}/read`, '/')));
  await assignments.save(at('d', reader.id, '/'));
  assert.ok(await may('d', `${VAULT}/read`, '/subscriptions/s'));
});

test('property: a star pattern matches as its regular expression does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (star, action) => {
      const expected = new RegExp(`^${star.replaceAll('*', '.*')}$`).test(action);
      assert.equal(matchesAction(star, action), expected);
    }),
    { numRuns: 1000 },
  );
});
