import type { RouteTable } from '../../src/arm/route.ts';
import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { targetOf } from './targets.ts';

const ELSEWHERE = '00000000-0000-4000-8000-00000000beef';

/** Ids that lead to other subscriptions, vaults and groups, or that are no ids. */
export function foreignIds(server: HostileServer, tables: readonly RouteTable[]): readonly Hostile[] {
  return [...everyRoute(server, tables), ...inBodies(server)];
}

/** Every route of a subscription that is not served here. */
const everyRoute = (server: HostileServer, tables: readonly RouteTable[]): readonly Hostile[] =>
  tables.flatMap((table) =>
    table.routes
      .filter((route) => route.path.includes('{subscriptionId}'))
      .map((route) => ({
        what: `${route.method} ${route.path} of a subscription that is not here`,
        ask: {
          method: route.method,
          target: targetOf(server, table, route, { subscriptionId: ELSEWHERE }),
          ...(route.body === undefined ? {} : json({})),
        },
      })),
  );

function inBodies(server: HostileServer): readonly Hostile[] {
  const { vault, group, subscription } = server;
  const item = itemOf(server);
  const version = 'api-version=2025-02-01';
  const machine = `${group}/providers/Microsoft.Compute/virtualMachines/web01`;
  const policyId = `${vault}/backupPolicies/DefaultPolicy`;
  const protect = (properties: object) => ({
    method: 'PUT',
    target: `${item.replaceAll('web01', 'db01')}?${version}`,
    ...json({ properties: { protectedItemType: 'Microsoft.Compute/virtualMachines', ...properties } }),
  });
  const restore = (properties: object) => ({
    method: 'POST',
    target: `${item}/recoveryPoints/${server.known.recoveryPointId}/restore?${version}`,
    ...json({ properties: { objectType: 'IaasVMRestoreRequest', recoveryType: 'RestoreDisks', ...properties } }),
  });
  const staging = `${group}/providers/Microsoft.Storage/storageAccounts/staging1`;
  return [
    ...idsLike(`${group}/providers/Microsoft.Compute/virtualMachines/db01`, subscription).map((id) => ({
      what: `protects the machine ${id}`,
      ask: protect({ sourceResourceId: id, policyId }),
    })),
    { what: 'protects another machine than the path names', ask: protect({ sourceResourceId: machine, policyId }) },
    ...idsLike(policyId, subscription).map((id) => ({
      what: `protects under the policy ${id}`,
      ask: protect({ sourceResourceId: machine.replace('web01', 'db01'), policyId: id }),
    })),
    {
      what: 'protects under the policy of another vault',
      ask: protect({
        sourceResourceId: machine.replace('web01', 'db01'),
        policyId: policyId.replace('/keep/', '/other/'),
      }),
    },
    ...idsLike(staging, subscription).map((id) => ({
      what: `restores to the account ${id}`,
      ask: restore({ storageAccountId: id, region: 'westeurope', sourceResourceId: machine }),
    })),
    ...idsLike(machine, subscription).map((id) => ({
      what: `restores the disks of ${id}`,
      ask: restore({ storageAccountId: staging, region: 'westeurope', sourceResourceId: id }),
    })),
    ...idsLike(group, subscription).map((id) => ({
      what: `restores disks to the group ${id}`,
      ask: restore({
        ...{ storageAccountId: staging, region: 'westeurope', sourceResourceId: machine },
        targetResourceGroupId: id,
      }),
    })),
    ...['backup', `recoveryPoints/${server.known.recoveryPointId}/restore`].map((action) => ({
      what: `a ${action} of an item in a vault that does not hold it`,
      ask: {
        method: 'POST',
        target: `${item.replace('/keep/', '/other/')}/${action}?${version}`,
        ...json({ properties: { objectType: action === 'backup' ? 'IaasVMBackupRequest' : 'IaasVMRestoreRequest' } }),
      },
    })),
    ...['', '/cancel', '/retry'].map((action) => ({
      what: `a job of another vault${action}`,
      ask: {
        method: action === '' ? 'GET' : 'POST',
        target: `${vault.replace(/keep$/, 'other')}/backupJobs/${server.known.jobName}${action}?${version}`,
      },
    })),
    ...FOLDERS.map((targetFolder) => ({
      what: `restores to the folder ${JSON.stringify(targetFolder).slice(0, 60)}`,
      ask: restore({ strongroom: { targetFolder } }),
      codes: ['RestoreTargetInvalid'],
    })),
    ...['..', '../x', '-rf', 'a/b', 'a\nb', '$(id)', '.', 'a'.repeat(300), 'a;b', "a'b", '__proto__/x'].map(
      (machineName) => ({
        what: `restores as the machine ${JSON.stringify(machineName).slice(0, 40)}`,
        ask: restore({ strongroom: { imageHost: 'images', machineName } }),
      }),
    ),
    ...['..', '%2e%2e', 'a b/..', '$(id)', 'a\nb', '..\\..', 'x'.repeat(200)].map((name) => ({
      what: `restores a machine to the group ${JSON.stringify(name).slice(0, 40)}`,
      ask: restore({
        ...{ targetResourceGroupId: `${subscription}/resourceGroups/${name}` },
        strongroom: { imageHost: 'images', machineName: 'web09' },
      }),
    })),
  ];
}

const FOLDERS: readonly string[] = [
  ...['', ' ', '/', '/etc', '//etc', '.', '..', '../x', 'a/../../x', 'a/..', './a', 'a/./b', '..\\x', 'a\\..\\b'],
  ...[
    'C:\\x',
    'C:x',
    '\\\\host\\share',
    'a\u0000b',
    'a\nb',
    'a\tb',
    'a*',
    'a?',
    'a|b',
    '<a>',
    'a"b',
    'a:b',
    'a ',
    ' a',
  ],
  ...['a.', 'a/b.', 'x'.repeat(256), `${'x/'.repeat(600)}`, 'é'.repeat(200)],
];

/** Ids that look like `id` and are not. */
const idsLike = (id: string, subscription: string): readonly string[] => [
  id.replace(subscription, `/subscriptions/${ELSEWHERE}`),
  id.replace(/[^/]+$/, 'absent'),
  id.replace(/[^/]+$/, '..'),
  id.replace(/[^/]+$/, '../../x'),
  id.replace(/[^/]+$/, 'a\u0000b'),
  `${id}/x/y`,
  `${id}?api-version=1`,
  `https://evil.example${id}`,
  `//evil.example${id}`,
  id.slice(1),
  'x',
  '/',
  '[resourceId(1)]',
];

export const itemOf = ({ vault, known }: HostileServer): string =>
  `${vault}/backupFabrics/Azure/protectionContainers/${known.containerName}/protectedItems/${known.protectedItemName}`;
