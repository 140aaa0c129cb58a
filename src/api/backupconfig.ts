import { type Static, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { updateVault } from '../db/vaults.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import type { Services } from './services.ts';
import { armIdOf } from './toWire/ids.ts';
import { refuseSoftDeleteOff } from './vaultChange.ts';
import { VAULT_PATH } from './vaultPath.ts';
import type { VaultConfig } from './wire/vaultConfig.ts';

const PATH = `${VAULT_PATH}/backupconfig/vaultconfig` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupconfig';

const STATE = Type.Enum(['Enabled', 'Disabled', 'AlwaysON', 'AlwaysOn']);
const BODY = resourceBody(
  Type.Object(
    {
      softDeleteFeatureState: Type.Optional(STATE),
      enhancedSecurityState: Type.Optional(STATE),
      softDeleteRetentionPeriodInDays: Type.Optional(
        Type.Integer({ minimum: 14, maximum: 180, rule: 'must be a whole number from 14 to 180' }),
      ),
      storageModelType: IGNORED,
      storageType: IGNORED,
      storageTypeState: IGNORED,
      resourceGuardOperationRequests: IGNORED,
      isSoftDeleteFeatureStateEditable: IGNORED,
    },
    { additionalProperties: false },
  ),
);
type Settings = Static<typeof BODY>['properties'];

/** Soft delete of a vault: always on, only its retention can be chosen. */
export const backupconfig = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupconfig',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: PATH,
        action: `${ACTION}/read`,
        summary: 'Gets the soft delete settings of a vault.',
        handler: async ({ params }) => ok(toWire(await requireVault(services, params))),
      }),
      ...(['PUT', 'PATCH'] as const).map((method) =>
        route({
          method,
          path: PATH,
          action: `${ACTION}/write`,
          summary: 'Changes how long deleted items are kept.',
          body: BODY,
          handler: async ({ params, body }) => ok(toWire(await change(services, params, body.properties))),
        }),
      ),
    ],
  });

const change = (services: Services, params: VaultParams, settings: Settings): Promise<Vault> => {
  refuseSoftDeleteOff(settings.softDeleteFeatureState, 'properties.softDeleteFeatureState');
  refuseSoftDeleteOff(settings.enhancedSecurityState, 'properties.enhancedSecurityState');
  return services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const softDeleteRetentionDays = settings.softDeleteRetentionPeriodInDays ?? before.softDeleteRetentionDays;
    const after = { ...before, softDeleteRetentionDays, updatedAt: services.clock.now() };
    await updateVault(tx, after);
    return after;
  });
};

const toWire = (vault: Vault): VaultConfig => ({
  id: `${armIdOf(vault)}/backupconfig/vaultconfig`,
  name: 'vaultconfig',
  type: 'Microsoft.RecoveryServices/vaults/backupconfig',
  properties: {
    enhancedSecurityState: 'AlwaysON',
    softDeleteFeatureState: 'AlwaysON',
    softDeleteRetentionPeriodInDays: vault.softDeleteRetentionDays,
    isSoftDeleteFeatureStateEditable: false,
  },
});
