import { type Static, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { updateVault } from '../db/vaults.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Vault } from '../vault/vault.ts';
import { after } from '../vault/vaultRules.ts';
import { VAULT_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { requireVault, resourceNotFound, type VaultParams } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/extendedInformation';
const PATH = `${VAULT_PATH}/extendedInformation/vaultExtendedInfo` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/extendedInformation';

const TEXT = Type.Optional(Type.String({ maxLength: 4096 }));
const INFO = Type.Object(
  { integrityKey: TEXT, encryptionKey: TEXT, encryptionKeyThumbprint: TEXT, algorithm: TEXT },
  { additionalProperties: false },
);
const BODY = Type.Object(
  { properties: Type.Optional(INFO), id: IGNORED, name: IGNORED, type: IGNORED, etag: IGNORED },
  { additionalProperties: false },
);
type Info = Static<typeof INFO>;

/** What agents of other workloads leave with a vault: kept as it was sent, and used by nothing here. */
export const extendedInformation = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: VAULT_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: PATH,
        action: `${ACTION}/read`,
        summary: 'Gets what agents have left with the vault.',
        async handler({ params }) {
          const vault = await requireVault(services, params);
          if (vault.extendedInfo) return ok(toWire(vault));
          throw resourceNotFound(TYPE, `${vault.name}/vaultExtendedInfo`, vault.resourceGroup);
        },
      }),
      route({
        method: 'PUT',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Replaces what agents have left with the vault.',
        body: BODY,
        handler: async ({ params, body }) => ok(toWire(await keep(services, params, () => body.properties ?? {}))),
      }),
      route({
        method: 'PATCH',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Changes what agents have left with the vault.',
        body: BODY,
        handler: async ({ params, body }) =>
          ok(toWire(await keep(services, params, (before) => ({ ...before, ...body.properties })))),
      }),
    ],
  });

const keep = (services: Services, params: VaultParams, change: (before: Info) => Info): Promise<Vault> =>
  services.db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    const extendedInfo = change(before.extendedInfo ?? {}) as NonNullable<Vault['extendedInfo']>;
    const changed = { ...before, extendedInfo, updatedAt: after(before, services.clock.now()) };
    await updateVault(tx, changed);
    return changed;
  });

const toWire = (vault: Vault): object => ({
  id: `${vaultArmId(vault)}/extendedInformation/vaultExtendedInfo`,
  name: 'vaultExtendedInfo',
  type: TYPE,
  properties: vault.extendedInfo ?? {},
});
