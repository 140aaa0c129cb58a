import type { RoleDefinition } from '../../arm/roleDefinition.ts';
import { findRoleDefinition, type RoleDefinitionRecord } from '../../db/roleDefinitions.ts';
import { isoTime } from '../../lib/clock.ts';
import type { Services } from '../services.ts';
import type { RoleDefinitionResource } from '../wire/role.ts';

export const ROLE_DEFINITIONS = 'Microsoft.Authorization/roleDefinitions';

/** A built-in role, or one from the database. `id`: a UUID or a whole ARM id. */
export async function findRole(services: Services, id: string): Promise<RoleDefinition | undefined> {
  const name = (id.split('/').at(-1) ?? '').toLowerCase();
  return (
    services.access.builtInRoles.find((role) => role.id === name) ??
    (await findRoleDefinition(services.db.queries, name))
  );
}

export const roleDefinitionId = ({ config }: Pick<Services, 'config'>, id: string): string =>
  `/subscriptions/${config.subscriptionId}/providers/${ROLE_DEFINITIONS}/${id}`;

export const roleToWire = (
  services: Pick<Services, 'config'>,
  role: RoleDefinition | RoleDefinitionRecord,
): RoleDefinitionResource => ({
  id: roleDefinitionId(services, role.id),
  name: role.id,
  type: ROLE_DEFINITIONS,
  properties: {
    roleName: role.name,
    type: role.assignableScopes === undefined ? 'BuiltInRole' : 'CustomRole',
    description: role.description,
    assignableScopes: role.assignableScopes ?? ['/'],
    permissions: [permissionToWire(role)],
    createdOn: 'createdAt' in role ? isoTime(role.createdAt) : null,
    updatedOn: 'updatedAt' in role ? isoTime(role.updatedAt) : null,
    createdBy: null,
    updatedBy: null,
  },
});

export const permissionToWire = ({ actions, notActions }: RoleDefinition) => ({
  actions,
  notActions,
  dataActions: [],
  notDataActions: [],
});
