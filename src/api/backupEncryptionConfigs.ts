import { type Static, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { latestHousekeepingJob } from '../db/housekeeping.ts';
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
import { encryptionChange, refuseOwnKey } from './vaultEncryption.ts';
import { rotateKey, type VaultCaller } from './vaultPut.ts';
import type { EncryptionConfig } from './wire/vaultConfig.ts';

const NAME = 'backupResourceEncryptionConfig';
const PATH = `${VAULT_PATH}/backupEncryptionConfigs/${NAME}` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupEncryptionConfigs';

const BODY = resourceBody(
  Type.Object(
    {
      encryptionAtRestType: Type.Optional(Type.Enum(['MicrosoftManaged', 'CustomerManaged'])),
      keyUri: Type.Optional(Type.String({ maxLength: 1024 })),
      infrastructureEncryptionState: Type.Optional(Type.Enum(['Invalid', 'Enabled', 'Disabled'])),
      useSystemAssignedIdentity: Type.Optional(Type.Boolean()),
      userAssignedIdentity: Type.Optional(Type.Union([Type.Null(), Type.String({ maxLength: 512 })])),
      resourceGuardOperationRequests: GUARD_REQUESTS,
      subscriptionId: IGNORED,
      lastUpdateStatus: IGNORED,
    },
    { additionalProperties: false },
  ),
);
type Settings = Static<typeof BODY>['properties'];

/** Whose key opens a vault: one that the server made, or one of the operator's own; docs/keys.md. */
export const backupEncryptionConfigs = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupEncryptionConfigs',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: PATH,
        // az asks before every restore, and Backup Operator has no action of its own for it.
        action: 'Microsoft.RecoveryServices/Vaults/read',
        summary: 'Tells how a vault is encrypted: with the key of the server, or with one of your own.',
        handler: async ({ params }) => ok(await toWire(services, await requireVault(services, params))),
      }),
      route({
        method: 'PUT',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Takes a key of your own into use, which was given to the server before.',
        body: BODY,
        handler: async (context) => ok(await change(services, context, context.params, context.body.properties)),
      }),
    ],
  });

/** Errors: BMSUserErrorEncryptionSettingsInvalid, and those of the vault's resource guard. */
async function change(
  services: Services,
  caller: VaultCaller,
  params: VaultParams,
  settings: Settings,
): Promise<EncryptionConfig> {
  const { db, clock } = services;
  const known = await requireVault(services, params);
  if (settings.encryptionAtRestType === 'MicrosoftManaged') {
    await refuseOwnKey(services, known, 'properties.encryptionAtRestType');
    return toWire(services, known);
  }
  const { useSystemAssignedIdentity, userAssignedIdentity } = settings;
  const asked = {
    keyUri: settings.keyUri,
    kekIdentity: {
      ...(useSystemAssignedIdentity === undefined ? {} : { useSystemAssignedIdentity }),
      ...(userAssignedIdentity ? { userAssignedIdentity } : {}),
    },
    infrastructureEncryption: settings.infrastructureEncryptionState,
    target: 'properties.keyUri',
  };
  const { encryption, rotates } = await encryptionChange(services, known, asked, await hasItems(db.queries, known.id));
  const vault = await db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const requests = settings.resourceGuardOperationRequests;
    await demandSecondConsent(tx, caller, before, 'modifyEncryptionSettings', requests);
    const changed = { ...before, encryption, updatedAt: after(before, clock.now()) };
    await updateVault(tx, changed);
    return changed;
  });
  if (rotates) await rotateKey(services, caller, vault);
  return toWire(services, vault);
}

async function toWire(services: Services, vault: Vault): Promise<EncryptionConfig> {
  const { present } = await services.vaultStores.keyNames(vault.id);
  const isOwn = vault.encryption !== undefined || !present.isServerMade;
  const { useSystemAssignedIdentity, userAssignedIdentity } = vault.encryption?.kekIdentity ?? {};
  return {
    id: `${vaultArmId(vault)}/backupEncryptionConfigs/${NAME}`,
    name: NAME,
    type: 'Microsoft.RecoveryServices/vaults/backupEncryptionConfigs',
    properties: {
      encryptionAtRestType: isOwn ? 'CustomerManaged' : 'MicrosoftManaged',
      ...(isOwn && { keyUri: vault.encryption?.keyUri ?? present.keyUri }),
      ...(useSystemAssignedIdentity === undefined ? {} : { useSystemAssignedIdentity }),
      ...(userAssignedIdentity === undefined ? {} : { userAssignedIdentity }),
      infrastructureEncryptionState: 'Disabled',
      lastUpdateStatus: isOwn ? await statusOf(services, vault, present.keyUri) : 'NotEnabled',
    },
  };
}

/** Whether the key that was asked for is the one in use. */
async function statusOf({ db }: Services, vault: Vault, presentUri: string): Promise<string> {
  if (vault.encryption === undefined || vault.encryption.keyUri === presentUri) return 'Succeeded';
  const job = await latestHousekeepingJob(db.queries, vault.id, 'RotateKeys');
  return job === undefined || job.endTime === undefined ? 'Initialized' : 'Failed';
}
