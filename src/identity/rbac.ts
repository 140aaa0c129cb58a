import type { Authorize } from '../arm/principal.ts';
import type { RoleAssignment, RoleAssignmentStore } from './roleAssignment.ts';
import { BUILT_IN_ROLES, type RoleDefinition } from './roleDefinitions.ts';

/** Azure's role-based access: deny by default; a role counts at its scope and below; roles add up. */
export function createAuthorizer(options: {
  readonly assignments: RoleAssignmentStore;
  readonly roles?: readonly RoleDefinition[];
}): Authorize {
  const roles = new Map((options.roles ?? Object.values(BUILT_IN_ROLES)).map((role) => [role.id.toLowerCase(), role]));
  return async (principal, action, scope) => {
    const assignments = await options.assignments.forPrincipal(principal.objectId);
    return assignments.some((assignment) => grants(assignment, roles, action, scope));
  };
}

/** Whether one role allows an action. */
export const allows = (role: RoleDefinition, action: string): boolean =>
  role.actions.some((pattern) => matchesAction(pattern, action)) &&
  !role.notActions.some((pattern) => matchesAction(pattern, action));

/** '/subscriptions/s' covers itself and '/subscriptions/s/…', not '/subscriptions/s2'; '/' covers all. */
export function covers(scope: string, resource: string): boolean {
  const above = lower(scope).replace(/\/+$/, '');
  const below = lower(resource).replace(/\/+$/, '');
  return below === above || below.startsWith(`${above}/`);
}

function grants(
  assignment: RoleAssignment,
  roles: ReadonlyMap<string, RoleDefinition>,
  action: string,
  scope: string,
): boolean {
  const role = roles.get(assignment.roleId.toLowerCase());
  return role !== undefined && covers(assignment.scope, scope) && allows(role, action);
}

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
