import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route, RouteTable } from '../src/arm/route.ts';
import { type GateServer, gateServer, SUBSCRIPTION, SUBSCRIPTION_PATH } from './access/gate.ts';
import { PUBLISHED_ROLES, type PublishedRole } from './access/roleJson.ts';

const GROUP = `${SUBSCRIPTION_PATH}/resourceGroups/rg1`;
const VAULT = `${GROUP}/providers/Microsoft.RecoveryServices/vaults/v1`;
/** All cells, some 10 000, when asked for; else each action once, at the scopes that tell most. */
const IS_LONG = process.env.STRONGROOM_LONG !== undefined;
const SCOPES = [
  ...[SUBSCRIPTION_PATH, VAULT],
  ...(IS_LONG ? ['/', GROUP, `${SUBSCRIPTION_PATH}/resourceGroups/rg10`, `${VAULT}0`] : []),
];

/** Handlers are not what is tested here: each says only that it was reached. */
const reached = (tables: readonly RouteTable[]): readonly RouteTable[] =>
  tables.map((table) => ({
    ...table,
    routes: table.routes.map(({ body: _body, query: _query, readsFilter: _reads, ...route }) => ({
      ...route,
      handler: () => ({ status: 200, body: { value: [] } }),
    })),
  }));

const VALUES: Readonly<Record<string, string>> = {
  subscriptionId: SUBSCRIPTION,
  resourceGroupName: 'rg1',
  vaultName: 'v1',
};
/** Legal under every name rule that routes have. */
const ANY_UUID = '12345678-1234-4123-8123-123456789012';
const WORDS = ['name1', 'accountname1', 'default', 'VaultProxy'];

const pathOf = (route: Route, table: RouteTable): string =>
  route.path.replace(/\{([A-Za-z]+)\}/g, (_, name: string) => {
    const rule = table.names?.[name];
    const legal = [VALUES[name], ANY_UUID, ...WORDS].find(
      (one) => one !== undefined && (rule?.pattern.test(one) ?? true),
    );
    assert.ok(legal, `no name is known that is legal as ${name} of ${table.type}`);
    return legal;
  });

const lower = (text: string) => text.toLowerCase();
const isBelow = (scope: string, path: string): boolean =>
  scope === '/' || lower(path) === lower(scope) || lower(path).startsWith(`${lower(scope)}/`);

/** A list of a subscription's or group's resources: one who holds something below is shown a part. */
const isPart = (route: Route, path: string, scope: string): boolean => {
  const list =
    /^(\/subscriptions\/[^/]+(?:\/resourceGroups\/[^/]+)?)(?:\/providers\/[^/]+\/[^/]+|\/resources|\/resourceGroups)$/i;
  const whole = list.exec(path)?.[1];
  const isList = route.method === 'GET' && !/\}$/.test(route.path) && !/\{[^}]*\}\/\{/.test(route.path);
  return isList && whole !== undefined && scope !== '/' && lower(scope) !== lower(whole) && isBelow(whole, scope);
};

const expected = (route: Route, path: string, role: PublishedRole, scope: string): boolean =>
  route.access === 'authenticated' || (isBelow(scope, path) && role.allows(route.action)) || isPart(route, path, scope);

async function askAll(server: GateServer, routes: readonly (readonly [Route, RouteTable])[]): Promise<number> {
  let cells = 0;
  const wrong: string[] = [];
  for (const scope of SCOPES) {
    // every role where it is held on the whole subscription; elsewhere those that differ most
    const roles =
      scope === SUBSCRIPTION_PATH ? PUBLISHED_ROLES : PUBLISHED_ROLES.filter(({ name }) => DIFFERENT.has(name));
    for (const role of roles) {
      const who = await server.somebody(role.id, scope);
      for (const [route, table] of routes) {
        const path = pathOf(route, table);
        const { to } = route.apiVersions ?? table.apiVersions;
        const { status, body } = await server.call(who, route.method, path, undefined, to);
        const isLetIn = !(status === 403 && body?.error?.code === 'AuthorizationFailed');
        if (status >= 400 && isLetIn && status !== 403)
          wrong.push(`${route.method} ${path}: ${status} ${body?.error?.code}`);
        if (isLetIn !== expected(route, path, role, scope))
          wrong.push(
            `${role.name} at ${scope}: ${route.method} ${path} (${route.action}) was ${isLetIn ? 'let in' : 'refused'}`,
          );
        cells += 1;
      }
    }
  }
  assert.deepEqual(wrong.slice(0, 20), []);
  return cells;
}

const DIFFERENT = new Set(['Owner', 'Backup Operator']);

test('every route lets in whom Azure’s published roles let in, at every scope, and nobody else', async () => {
  await using server = await gateServer(reached);
  const seen = new Set<string>();
  const isNew = (key: string): boolean => IS_LONG || (!seen.has(key) && seen.add(key) !== undefined);
  const routes = server.tables.flatMap((table) =>
    table.routes
      .filter((route) =>
        isNew(`${route.action} ${route.access} ${isPart(route, pathOf(route, table), VAULT)}`.toLowerCase()),
      )
      // the deeper scopes of roles and locks are the same routes again
      .filter((route) => !/\{childType\}/.test(route.path) && route.method !== 'HEAD')
      .map((route) => [route, table] as const),
  );
  const cells = await askAll(server, routes);
  assert.ok(cells >= 1000, `${cells} cells`);
  const { status } = await server.call(
    await server.somebody(),
    'GET',
    `${GROUP}/providers/Microsoft.RecoveryServices/vaults`,
    undefined,
    '2024-04-01',
  );
  assert.equal(status, 403, 'without any role not even an empty list');
});

/** Written by hand: O Owner, C Contributor, R Reader, U User Access Administrator, B Backup Contributor, P Operator, b Backup Reader, M VM Contributor, S Storage Account Contributor. */
const BY_HAND: readonly [action: string, may: string][] = [
  ['Microsoft.RecoveryServices/Vaults/read', 'OCRUBPbM'],
  ['Microsoft.RecoveryServices/Vaults/write', 'OCBM'],
  ['Microsoft.RecoveryServices/Vaults/delete', 'OC'],
  ['Microsoft.RecoveryServices/Vaults/backupPolicies/read', 'OCRUBPbM'],
  ['Microsoft.RecoveryServices/Vaults/backupPolicies/write', 'OCBM'],
  ['Microsoft.RecoveryServices/Vaults/backupPolicies/delete', 'OCB'],
  ['Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read', 'OCRUBPbM'],
  ['Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write', 'OCBPM'],
  ['Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/delete', 'OCB'],
  ['Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action', 'OCBP'],
  [
    'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/read',
    'OCRUBPbM',
  ],
  [
    'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action',
    'OCBP',
  ],
  ['Microsoft.RecoveryServices/Vaults/backupJobs/read', 'OCRUBPb'],
  ['Microsoft.RecoveryServices/Vaults/backupJobs/cancel/action', 'OCBP'],
  ['Microsoft.RecoveryServices/Vaults/backupconfig/write', 'OCB'],
  ['Microsoft.RecoveryServices/Vaults/backupconfig/read', 'OCRUBb'],
  ['Microsoft.RecoveryServices/Vaults/backupstorageconfig/write', 'OCBP'],
  ['Microsoft.RecoveryServices/Vaults/backupSecurityPIN/action', 'OCB'],
  ['Microsoft.RecoveryServices/Vaults/usages/read', 'OCRUBPbM'],
  ['Microsoft.RecoveryServices/locations/backupStatus/action', 'OCBPbM'],
  ['Microsoft.Resources/subscriptions/resourceGroups/read', 'OCRUBPMS'],
  ['Microsoft.Resources/subscriptions/resourceGroups/write', 'OC'],
  ['Microsoft.Compute/virtualMachines/read', 'OCRUM'],
  ['Microsoft.Compute/virtualMachines/write', 'OCM'],
  ['Microsoft.Storage/storageAccounts/read', 'OCRUBPMS'],
  ['Microsoft.Storage/storageAccounts/listKeys/action', 'OCMS'],
  ['Microsoft.Authorization/roleAssignments/read', 'OCRUBPbMS'],
  ['Microsoft.Authorization/roleAssignments/write', 'OU'],
  ['Microsoft.Authorization/roleAssignments/delete', 'OU'],
  ['Microsoft.Authorization/roleDefinitions/write', 'OU'],
  ['Microsoft.Authorization/locks/write', 'OU'],
  ['Microsoft.Authorization/locks/delete', 'OU'],
  ['Microsoft.Authorization/principals/write', 'OU'],
  ['Strongroom.Identity/auditEvents/read', 'OCRU'],
];
const LETTERS: Readonly<Record<string, string>> = {
  ...{ O: 'Owner', C: 'Contributor', R: 'Reader', U: 'User Access Administrator', B: 'Backup Contributor' },
  ...{ P: 'Backup Operator', b: 'Backup Reader', M: 'Virtual Machine Contributor', S: 'Storage Account Contributor' },
};

test('what the roles may do, action by action, written by hand', async () => {
  await using server = await gateServer(reached);
  for (const [letter, name] of Object.entries(LETTERS)) {
    const role = PUBLISHED_ROLES.find((one) => one.name === name)!;
    const who = await server.somebody(role.id);
    for (const [action, may] of BY_HAND) {
      const route = server.tables
        .flatMap((table) => table.routes.map((one) => [one, table] as const))
        .find(
          ([one]) => lower(one.action) === lower(action) && one.access !== 'authenticated' && one.method !== 'HEAD',
        );
      if (route === undefined) continue;
      const { to } = route[0].apiVersions ?? route[1].apiVersions;
      const { status } = await server.call(who, route[0].method, pathOf(...route), undefined, to);
      assert.equal(status !== 403, may.includes(letter), `${name}: ${action}`);
    }
  }
});
