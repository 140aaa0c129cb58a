import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { listPolicies } from '../db/policies.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS, VAULT_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { VAULT_PATH } from './vaultPath.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';

/** How much of its limits a vault uses. */
export const usages = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/usages',
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/usages`,
        action: `${ACTION}/usages/read`,
        summary: 'Counts the protected items and policies of a vault.',
        handler: async (context) => context.list(await counts(services, await requireVault(services, context.params))),
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/replicationUsages`,
        action: `${ACTION}/usages/read`,
        summary: 'Counts what a vault replicates for site recovery: nothing.',
        async handler(context) {
          await requireVault(services, context.params);
          return context.list([]);
        },
      }),
    ],
  }),
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupUsageSummaries',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupUsageSummaries`,
        action: `${ACTION}/backupUsageSummaries/read`,
        summary: 'Counts the protected items and policies of a vault.',
        filter: { type: 'string' },
        handler: async (context) => context.list(await counts(services, await requireVault(services, context.params))),
      }),
    ],
  }),
];

async function counts({ db }: Services, vault: Vault): Promise<object[]> {
  const items = await listItems(db.queries, { vaultId: vault.id });
  const policies = await listPolicies(db.queries, vault.id);
  return [
    usage('ProtectedItems', 'Protected items', items.length, 1000),
    usage('SoftDeletedItems', 'Items scheduled for deletion', items.filter((item) => item.softDelete).length, 1000),
    usage('BackupPolicies', 'Backup policies', policies.length, 200),
  ];
}

const usage = (value: string, localizedValue: string, currentValue: number, limit: number): object => ({
  unit: 'Count',
  quotaPeriod: 'P1D',
  currentValue,
  limit,
  name: { value, localizedValue },
});
