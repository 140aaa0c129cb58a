import { Type } from 'typebox';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { hasItems, updateVault } from '../db/vaults.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Vault } from '../vault/vault.ts';
import { after } from '../vault/vaultRules.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { changedRedundancy } from './vaultChange.ts';
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
          return ok(toWire({ vault, isLocked: await hasItems(services.db.queries, vault.id) }));
        },
      }),
      route({
        method: 'PUT',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Changes the redundancy of a vault that has no items.',
        body: BODY,
        async handler({ params, body }) {
          return ok(toWire(await change(services, params, body.properties)));
        },
      }),
      route({
        method: 'PATCH',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Changes the redundancy of a vault that has no items.',
        answers: ['204'],
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
  /** An item is registered. */
  readonly isLocked: boolean;
}

async function change(services: Services, params: VaultParams, settings: Settings): Promise<Shown> {
  const changed = await remember(services, params, settings);
  if (!changed.isLocked) await services.vaultStores.place(changed.vault);
  return changed;
}

const remember = (services: Services, params: VaultParams, settings: Settings): Promise<Shown> =>
  services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const isLocked = await hasItems(tx, before.id);
    const redundancy = settings.storageModelType ?? settings.storageType;
    const flag = settings.crossRegionRestoreFlag;
    const crossRegionRestore = flag === undefined ? undefined : flag ? ('Enabled' as const) : ('Disabled' as const);
    const changed = changedRedundancy(before, { redundancy, crossRegionRestore }, isLocked);
    const vault = { ...changed, updatedAt: after(before, services.clock.now()) };
    await updateVault(tx, vault);
    return { vault, isLocked };
  });

/** The wish, twice: az sends `storageType` back as the wish. What the vault has is `strongroom.redundancy` of the vault. */
const toWire = ({ vault, isLocked }: Shown): VaultStorageConfig => ({
  id: `${vaultArmId(vault)}/backupstorageconfig/vaultstorageconfig`,
  name: 'vaultstorageconfig',
  type: 'Microsoft.RecoveryServices/vaults/backupstorageconfig',
  properties: {
    storageModelType: vault.redundancy,
    storageType: vault.redundancy,
    storageTypeState: isLocked ? 'Locked' : 'Unlocked',
    crossRegionRestoreFlag: vault.crossRegionRestore === 'Enabled',
    dedupState: 'Enabled',
    xcoolState: 'Disabled',
  },
});
