import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { putVaultToken } from '../db/vaultTokens.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { GUARD_REQUESTS } from './body/vault.ts';
import { requireVault } from './lookups.ts';
import { demandSecondConsent } from './multiUser.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const VALID_MS = 5 * 60 * 1000;
/** Of .NET: 100 ns since the year 1. */
const TICKS_OF_EPOCH = 621_355_968_000_000_000n;

const BODY = Type.Union([
  Type.Undefined(),
  Type.Null(),
  Type.Object({ resourceGuardOperationRequests: GUARD_REQUESTS, properties: IGNORED }, { additionalProperties: false }),
]);

/** A PIN for who deletes backups from a client that asks for one; machines are deleted without, as in Azure. */
export const backupSecurityPIN = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupSecurityPIN',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `${VAULT_PATH}/backupSecurityPIN`,
        action: 'Microsoft.RecoveryServices/Vaults/backupSecurityPIN/action',
        summary: 'Makes a security PIN that is valid for five minutes, once.',
        body: BODY,
        async handler(context) {
          const { params, body, requestedAt } = context;
          const pin = String(randomInt(0, 10 ** 8)).padStart(8, '0');
          const expiresAt = requestedAt + VALID_MS;
          await services.db.transaction(async (tx) => {
            const vault = await requireVault(services, params, tx);
            const requests = body?.resourceGuardOperationRequests;
            await demandSecondConsent(tx, context, vault, 'getSecurityPIN', requests);
            const token = { vaultId: vault.id, kind: 'pin', subject: pinHash(vault.id, pin) } as const;
            await putVaultToken(tx, token, { now: requestedAt, expiresAt });
          });
          return ok({
            token: randomBytes(32).toString('base64url'),
            // a double holds it to a hundredth of a millisecond
            expiryTimeInUtcTicks: Number(BigInt(expiresAt) * 10_000n + TICKS_OF_EPOCH),
            securityPIN: pin,
          });
        },
      }),
    ],
  });

const pinHash = (vaultId: string, pin: string): string =>
  createHash('sha256').update(`${vaultId} ${pin}`).digest('hex');
