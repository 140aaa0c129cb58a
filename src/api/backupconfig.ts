import { type Static, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { hasItems, updateVault } from '../db/vaults.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Vault } from '../vault/vault.ts';
import { after } from '../vault/vaultRules.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { GUARD_REQUESTS } from './body/vault.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import { demandSecondConsent } from './multiUser.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { criticalChanges, refuseSoftDeleteOff } from './vaultChange.ts';
import type { VaultCaller } from './vaultPut.ts';
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
      resourceGuardOperationRequests: GUARD_REQUESTS,
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
        handler: async ({ params }) => ok(await toWire(services, await requireVault(services, params))),
      }),
      ...(['PUT', 'PATCH'] as const).map((method) =>
        route({
          method,
          path: PATH,
          action: `${ACTION}/write`,
          summary: 'Changes how long deleted items are kept.',
          body: BODY,
          handler: async (context) =>
            ok(await toWire(services, await change(services, context, context.params, context.body.properties))),
        }),
      ),
    ],
  });

const change = (services: Services, caller: VaultCaller, params: VaultParams, settings: Settings): Promise<Vault> => {
  refuseSoftDeleteOff(settings.softDeleteFeatureState, 'properties.softDeleteFeatureState');
  refuseSoftDeleteOff(settings.enhancedSecurityState, 'properties.enhancedSecurityState');
  return services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const softDeleteRetentionDays = settings.softDeleteRetentionPeriodInDays ?? before.softDeleteRetentionDays;
    const changed = { ...before, softDeleteRetentionDays, updatedAt: after(before, services.clock.now()) };
    for (const operation of criticalChanges(before, changed))
      await demandSecondConsent(tx, caller, before, operation, settings.resourceGuardOperationRequests);
    await updateVault(tx, changed);
    return changed;
  });
};

const toWire = async ({ db }: Services, vault: Vault): Promise<VaultConfig> => ({
  id: `${vaultArmId(vault)}/backupconfig/vaultconfig`,
  name: 'vaultconfig',
  type: 'Microsoft.RecoveryServices/vaults/backupconfig',
  properties: {
    enhancedSecurityState: 'AlwaysON',
    softDeleteFeatureState: 'AlwaysON',
    softDeleteRetentionPeriodInDays: vault.softDeleteRetentionDays,
    isSoftDeleteFeatureStateEditable: false,
    storageModelType: vault.redundancy,
    storageType: vault.redundancy,
    storageTypeState: (await hasItems(db.queries, vault.id)) ? 'Locked' : 'Unlocked',
    resourceGuardOperationRequests: [],
  },
});
