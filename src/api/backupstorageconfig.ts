import { Type } from 'typebox';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listItems } from '../db/items.ts';
import { updateVault } from '../db/vaults.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import type { Services } from './services.ts';
import { armIdOf } from './toWire/ids.ts';
import { changedRedundancy } from './vaultChange.ts';
import { VAULT_PATH } from './vaultPath.ts';
import type { VaultStorageConfig } from './wire/vaultConfig.ts';

const PATH = `${VAULT_PATH}/backupstorageconfig/vaultstorageconfig` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupstorageconfig';

const REDUNDANCY = Type.Enum(['LocallyRedundant', 'GeoRedundant', 'ZoneRedundant']);
const BODY = resourceBody(
  Type.Object(
    {
      storageModelType: Type.Optional(REDUNDANCY),
      storageType: Type.Optional(REDUNDANCY),
      crossRegionRestoreFlag: Type.Optional(Type.Boolean()),
      storageTypeState: IGNORED,
      dedupState: IGNORED,
      xcoolState: IGNORED,
    },
    { additionalProperties: false },
  ),
);
type Settings = { [K in 'storageModelType' | 'storageType']?: Vault['redundancy'] } & {
  crossRegionRestoreFlag?: boolean;
};

/** The vault's redundancy as the backup provider shows it: one state, also seen in the vault itself. */
export const backupstorageconfig = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupstorageconfig',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: PATH,
        action: `${ACTION}/read`,
        summary: 'Gets the redundancy of a vault.',
        async handler({ params }) {
          const vault = await requireVault(services, params);
          const hasItems = (await listItems(services.db.queries, { vaultId: vault.id })).length > 0;
          return ok(await toWire(services, { vault, hasItems }));
        },
      }),
      route({
        method: 'PUT',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Changes the redundancy of a vault that has no items.',
        body: BODY,
        async handler({ params, body }) {
          return ok(await toWire(services, await change(services, params, body.properties)));
        },
      }),
      route({
        method: 'PATCH',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Changes the redundancy of a vault that has no items.',
        body: BODY,
        async handler({ params, body }) {
          await change(services, params, body.properties);
          return noContent();
        },
      }),
    ],
  });

interface Shown {
  readonly vault: Vault;
  readonly hasItems: boolean;
}

async function change(services: Services, params: VaultParams, settings: Settings): Promise<Shown> {
  const changed = await remember(services, params, settings);
  if (!changed.hasItems) await services.vaultStores.place(changed.vault);
  return changed;
}

const remember = (services: Services, params: VaultParams, settings: Settings): Promise<Shown> =>
  services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const hasItems = (await listItems(tx, { vaultId: before.id })).length > 0;
    const redundancy = settings.storageModelType ?? settings.storageType;
    const flag = settings.crossRegionRestoreFlag;
    const crossRegionRestore = flag === undefined ? undefined : flag ? ('Enabled' as const) : ('Disabled' as const);
    const changed = changedRedundancy(before, { redundancy, crossRegionRestore }, hasItems);
    const vault = { ...changed, updatedAt: services.clock.now() };
    await updateVault(tx, vault);
    return { vault, hasItems };
  });

/** `storageModelType` is what was asked for, `storageType` what the vault has. */
const toWire = async ({ vaultStores }: Services, { vault, hasItems }: Shown): Promise<VaultStorageConfig> => ({
  id: `${armIdOf(vault)}/backupstorageconfig/vaultstorageconfig`,
  name: 'vaultstorageconfig',
  type: 'Microsoft.RecoveryServices/vaults/backupstorageconfig',
  properties: {
    storageModelType: vault.redundancy,
    storageType: (await vaultStores.redundancyOf(vault)).actual,
    storageTypeState: hasItems ? 'Locked' : 'Unlocked',
    crossRegionRestoreFlag: vault.crossRegionRestore === 'Enabled',
    dedupState: 'Enabled',
    xcoolState: 'Disabled',
  },
});
