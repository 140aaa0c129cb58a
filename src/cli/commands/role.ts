import { randomUUID } from 'node:crypto';
import type { RoleAssignmentResource, RoleDefinitionResource } from '../../api/wire/role.ts';
import type { ArmClient } from '../client.ts';
import { UsageError } from '../exit.ts';
import { groupPath, subscriptionPath } from '../ids.ts';
import { group, leaf } from '../options.ts';
import { findPrincipal } from '../principals.ts';
import { act, type Shell } from '../shell.ts';

const HERE = '/providers/Microsoft.Authorization';

export const roleCommands = (shell: Shell) =>
  group('role', 'What principals may do', [definitions(shell), assignments(shell), assign(shell), unassign(shell)]);

interface Where {
  readonly scope?: string | undefined;
  readonly resourceGroup?: string | undefined;
}

const somewhere = (name: string, summary: string) =>
  leaf(name, summary)
    .option('--scope <id>', 'the id of a subscription, group or resource; default: the subscription')
    .option('-g, --resource-group <name>', 'the group that is the scope');

const scopeOf = (arm: ArmClient, { scope, resourceGroup }: Where): string =>
  scope?.replace(/\/+$/, '') ??
  (resourceGroup === undefined ? subscriptionPath(arm.subscriptionId) : groupPath(arm.subscriptionId, resourceGroup));

const definitions = (shell: Shell) =>
  somewhere('definitions', 'List the roles that can be given').action(
    act(shell, async ({ arm }, where) =>
      (await listRoles(arm, scopeOf(arm, where))).map(({ name, properties }) => ({
        name: properties.roleName,
        id: name,
        kind: properties.type,
        description: properties.description,
      })),
    ),
  );

const assignments = (shell: Shell) =>
  somewhere('assignments', 'List who holds which role').action(
    act(shell, async ({ arm }, where) => {
      const scope = scopeOf(arm, where);
      const roles = new Map((await listRoles(arm, scope)).map(({ name, properties }) => [name, properties.roleName]));
      const found = await arm.list<RoleAssignmentResource>('authorization', `${scope}${HERE}/roleAssignments`);
      return found.map(({ name, properties }) => ({
        role: roles.get(properties.roleDefinitionId.split('/').at(-1) ?? '') ?? properties.roleDefinitionId,
        principalId: properties.principalId,
        scope: properties.scope,
        name,
      }));
    }),
  );

const given = (name: string, summary: string) =>
  somewhere(name, summary)
    .requiredOption('--assignee <name>', "a principal's display name, application id, user name or object id")
    .requiredOption('--role <name>', "the role's name or id");

const assign = (shell: Shell) =>
  given('assign', 'Give a role to a principal')
    .option('--outside', 'the assignee is the object id of a principal of an outside issuer')
    .action(
      act(shell, async ({ arm }, options) => {
        const scope = scopeOf(arm, options);
        const role = await findRole(arm, scope, options.role);
        const who = options.outside
          ? { principalId: options.assignee, principalType: 'User' }
          : { principalId: (await findPrincipal(arm, options.assignee)).name };
        const body = { properties: { roleDefinitionId: role.id, ...who } };
        const path = `${scope}${HERE}/roleAssignments/${randomUUID()}`;
        return (await arm.send('PUT', 'authorization', path, { body })).body;
      }),
    );

const unassign = (shell: Shell) =>
  given('unassign', 'Take a role from a principal').action(
    act(shell, async ({ arm }, options) => {
      const scope = scopeOf(arm, options);
      const role = await findRole(arm, scope, options.role);
      const isId = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(options.assignee);
      const known = isId ? undefined : await findPrincipal(arm, options.assignee);
      const ids = known ? [known.name] : await idsOf(arm, options.assignee);
      const all = await arm.list<RoleAssignmentResource>('authorization', `${scope}${HERE}/roleAssignments`);
      const found = all.find(
        ({ properties: one }) =>
          ids.includes(one.principalId) &&
          one.roleDefinitionId.endsWith(`/${role.name}`) &&
          one.scope.toLowerCase() === scope.toLowerCase(),
      );
      if (!found) throw new UsageError(`'${options.assignee}' does not hold '${options.role}' at ${scope}`);
      await arm.send('DELETE', 'authorization', found.id);
    }),
  );

/** An id may be of an application, or of a principal that this server does not know. */
async function idsOf(arm: ArmClient, id: string): Promise<readonly string[]> {
  try {
    return [(await findPrincipal(arm, id)).name];
  } catch (error) {
    if (error instanceof UsageError) return [id.toLowerCase()];
    throw error;
  }
}

const listRoles = (arm: ArmClient, scope: string): Promise<RoleDefinitionResource[]> =>
  arm.list<RoleDefinitionResource>('authorization', `${scope}${HERE}/roleDefinitions`);

async function findRole(arm: ArmClient, scope: string, name: string): Promise<RoleDefinitionResource> {
  const wanted = name.toLowerCase();
  const found = (await listRoles(arm, scope)).find(
    (role) => role.name === wanted || role.properties.roleName.toLowerCase() === wanted,
  );
  if (found) return found;
  throw new UsageError(`there is no role '${name}'; 'strongroom role definitions' shows all`);
}
