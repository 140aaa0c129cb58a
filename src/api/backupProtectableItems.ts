import { matches } from '../arm/filter.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listTakenMachines } from '../db/itemList.ts';
import type { MachineName } from '../vault/names.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { normalLocation } from './locations.ts';
import { requireVault } from './lookups.ts';
import { listMachines } from './machines.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { protectableItemToWire } from './toWire/protectableItem.ts';

export const backupProtectableItems = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupProtectableItems',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupProtectableItems`,
        action: 'Microsoft.RecoveryServices/Vaults/backupProtectableItems/read',
        summary: 'Lists the machines at the location of the vault that could be protected in it.',
        filter: { backupManagementType: 'string', workloadType: 'string', friendlyName: 'string', status: 'string' },
        async handler(context) {
          const vault = await requireVault(services, context.params);
          const found = (await protectableMachines(services, vault, context.signal)).filter((machine) =>
            matches(context.filter, (name) => filterValue(machine, name)),
          );
          return context.listFrom(found, keyOf, (machine) => protectableItemToWire(vault, machine));
        },
      }),
    ],
  });

/** Not in this vault in any state (a deleted item must first be purged or taken back), nor active in another. */
async function protectableMachines(services: Services, vault: Vault, signal: AbortSignal): Promise<MachineName[]> {
  const taken = await listTakenMachines(services.db.queries, vault.id);
  return (await listMachines(services, signal))
    .filter((machine) => normalLocation(machine.location) === normalLocation(vault.location))
    .map((machine) => ({ resourceGroup: machine.resourceGroup, vmName: machine.name }))
    .filter((machine) => !taken.has(keyOf(machine)));
}

function filterValue(machine: MachineName, name: string): string | undefined {
  if (name === 'friendlyName') return machine.vmName;
  if (name === 'status') return 'NotProtected';
  return name === 'workloadType' ? 'VM' : 'AzureIaasVM';
}

const keyOf = ({ resourceGroup, vmName }: MachineName): string => `${resourceGroup}/${vmName}`.toLowerCase();
