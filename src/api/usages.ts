import { type Filter, matches } from '../arm/filter.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { countsOfVault } from '../db/vaults.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS, VAULT_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';

const SUMMARIES = ['BackupProtectedItemCountSummary', 'BackupProtectionContainerCountSummary'];

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
        handler: async (context) =>
          context.list(await summaries(services, await requireVault(services, context.params), context.filter)),
      }),
    ],
  }),
];

async function counts({ db, config }: Services, vault: Vault): Promise<object[]> {
  const { items, softDeletedItems, policies, storedBytes } = await countsOfVault(db.queries, vault.id);
  const { machinesInVault, policiesInVault } = config.limits;
  return [
    usage('ProtectedItems', 'Protected items', items, machinesInVault),
    usage('SoftDeletedItems', 'Items scheduled for deletion', softDeletedItems, machinesInVault),
    usage('BackupPolicies', 'Backup policies', policies, policiesInVault),
    { ...usage('StoredBytes', 'Bytes in the store of the vault', storedBytes), unit: 'Bytes' },
  ];
}

/** Azure's two summaries, which a filter asks for, else what `usages` counts. */
async function summaries(services: Services, vault: Vault, filter: Filter | undefined): Promise<object[]> {
  if (!filter) return counts(services, vault);
  if (!SUMMARIES.some((type) => matches(filter, () => type))) return [];
  // a machine is one item in one container
  const { items } = await countsOfVault(services.db.queries, vault.id);
  return [usage('AzureIaasVM', 'Azure Virtual Machine', items, services.config.limits.machinesInVault)];
}

const usage = (value: string, localizedValue: string, currentValue: number, limit?: number): object => ({
  unit: 'Count',
  quotaPeriod: 'P1D',
  currentValue,
  ...(limit === undefined ? {} : { limit }),
  name: { value, localizedValue },
});
