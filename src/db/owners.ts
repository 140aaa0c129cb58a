import { findPrincipal } from './principals.ts';
import { pageOfRoleAssignments, type RoleAssignmentRecord } from './roleAssignments.ts';
import type { Queries } from './schema.ts';

/** Azure's own id of the role that may do everything. */
export const OWNER_ROLE_ID = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';

/**
 * Assignments of the owner role on the whole subscription whose principals can still sign in. Principals that are not
 * in the database come from outside and may: they do not count, because nobody here knows whether they do.
 */
export async function usableOwners(db: Queries, subscriptionId: string): Promise<readonly RoleAssignmentRecord[]> {
  const owners: RoleAssignmentRecord[] = [];
  for (const at of ['/', `/subscriptions/${subscriptionId}`]) {
    for (const assignment of await pageOfRoleAssignments(db, { at }, 1000)) {
      if (assignment.roleDefinitionId.toLowerCase() !== OWNER_ROLE_ID) continue;
      const principal = await findPrincipal(db, assignment.principalId);
      if (principal !== undefined && principal.credentials.disabled !== true) owners.push(assignment);
    }
  }
  return owners;
}
