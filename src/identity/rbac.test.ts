import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allows, covers, createAuthorizer, matchesAction } from './rbac.ts';
import { MemoryRoleAssignments } from './roleAssignment.ts';
import { BUILT_IN_ROLES, type RoleDefinition } from './roleDefinitions.ts';

const VAULT = 'Microsoft.RecoveryServices/vaults';
const ITEM = `${VAULT}/backupFabrics/protectionContainers/protectedItems`;
const { owner, contributor, reader, backupContributor, backupOperator, backupReader } = BUILT_IN_ROLES;

test('what each role may do', () => {
  const table: [action: string, may: RoleDefinition[]][] = [
    [`${VAULT}/read`, [owner, contributor, reader, backupContributor, backupOperator, backupReader]],
    [`${VAULT}/write`, [owner, contributor, backupContributor]],
    [`${VAULT}/delete`, [owner, contributor]],
    [`${VAULT}/backupPolicies/read`, [owner, contributor, reader, backupContributor, backupOperator, backupReader]],
    [`${VAULT}/backupPolicies/write`, [owner, contributor, backupContributor]],
    [`${VAULT}/backupPolicies/delete`, [owner, contributor, backupContributor]],
    [`${ITEM}/write`, [owner, contributor, backupContributor, backupOperator]],
    [`${ITEM}/delete`, [owner, contributor, backupContributor]],
    [`${ITEM}/backup/action`, [owner, contributor, backupContributor, backupOperator]],
    [`${ITEM}/recoveryPoints/restore/action`, [owner, contributor, backupContributor, backupOperator]],
    [`${ITEM}/recoveryPoints/read`, [owner, contributor, reader, backupContributor, backupOperator, backupReader]],
    [`${VAULT}/backupJobs/cancel/action`, [owner, contributor, backupContributor, backupOperator]],
    [`${VAULT}/backupconfig/write`, [owner, contributor, backupContributor]],
    [`${VAULT}/backupSecurityPIN/action`, [owner, contributor, backupContributor]],
    [
      'Microsoft.RecoveryServices/locations/backupStatus/action',
      [owner, contributor, backupContributor, backupOperator, backupReader],
    ],
    ['Microsoft.Resources/subscriptions/resourceGroups/write', [owner, contributor]],
    [
      'Microsoft.Authorization/roleAssignments/read',
      [owner, contributor, reader, backupContributor, backupOperator, backupReader],
    ],
    ['Microsoft.Authorization/roleAssignments/write', [owner]],
    ['Microsoft.Authorization/roleAssignments/delete', [owner]],
    ['Microsoft.Compute/virtualMachines/write', [owner, contributor]],
  ];
  for (const [action, may] of table) {
    for (const role of Object.values(BUILT_IN_ROLES)) {
      for (const spelled of [action, action.toUpperCase(), action.toLowerCase()]) {
        assert.equal(allows(role, spelled), may.includes(role), `${role.name}: ${spelled}`);
      }
    }
  }
});

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
  const authorize = createAuthorizer({ assignments });
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
