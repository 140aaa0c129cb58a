import type { Authorize, HoldsRole, Principal } from '../arm/principal.ts';
import type { RoleDefinition } from '../arm/roleDefinition.ts';
import { covers } from '../arm/scope.ts';
import type { RoleAssignmentStore } from './roleAssignment.ts';
import { BUILT_IN_ROLES } from './roleDefinitions.ts';

export interface Authorizer {
  readonly authorize: Authorize;
  readonly holdsRole: HoldsRole;
  /** The roles that count at `scope`: held there or above. */
  rolesAt(principal: Principal, scope: string): Promise<readonly RoleDefinition[]>;
}

/** A role that counts, and where. */
interface Grant {
  readonly role: RoleDefinition;
  readonly scope: string;
}

/**
 * Azure's role-based access: deny by default; a role counts at its scope and below; roles add up. What a principal
 * holds is read once a request (its Principal object is new each time), so a change counts from the next one on.
 */
export function createAuthorizer(options: {
  readonly assignments: RoleAssignmentStore;
  readonly roles?: readonly RoleDefinition[];
}): Authorizer {
  const builtIn = new Map((options.roles ?? Object.values(BUILT_IN_ROLES)).map((role) => [role.id, role]));
  const known = new WeakMap<Principal, Promise<readonly Grant[]>>();
  const read = async (principal: Principal): Promise<readonly Grant[]> => {
    const grants: Grant[] = [];
    for (const { roleId, scope } of await options.assignments.forPrincipal(principal.objectId)) {
      const role = builtIn.get(lower(roleId)) ?? (await options.assignments.customRole(lower(roleId)));
      if (role !== undefined) grants.push({ role, scope });
    }
    return grants;
  };
  const grantsOf = (principal: Principal): Promise<readonly Grant[]> => {
    const found = known.get(principal) ?? read(principal);
    known.set(principal, found);
    return found;
  };
  return {
    authorize: async (principal, action, scope) =>
      (await grantsOf(principal)).some((grant) => covers(grant.scope, scope) && allows(grant.role, action)),
    holdsRole: async (principal, scope, around) =>
      (await grantsOf(principal)).some(
        (grant) =>
          (covers(scope, grant.scope) && !covers(grant.scope, scope)) ||
          (around !== undefined && covers(grant.scope, scope)),
      ),
    rolesAt: async (principal, scope) =>
      (await grantsOf(principal)).filter((grant) => covers(grant.scope, scope)).map(({ role }) => role),
  };
}

/** Whether one role allows an action. */
export const allows = (role: RoleDefinition, action: string): boolean =>
  role.actions.some((pattern) => matchesAction(pattern, action)) &&
  !role.notActions.some((pattern) => matchesAction(pattern, action));

/** `*` stands for anything, slashes too. Walks once: a pattern of many stars cannot be made slow. */
export function matchesAction(pattern: string, action: string): boolean {
  const [first = '', ...rest] = lower(pattern).split('*');
  const text = lower(action);
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text === first;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** ASCII only: a locale's lower case (Turkish İ) would make two spellings one here and two elsewhere. */
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
