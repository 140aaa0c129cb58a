import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import type { Services } from './services.ts';
import { armIdOf } from './toWire/ids.ts';
import { VAULT_PATH } from './vaultPath.ts';
import type { EncryptionConfig } from './wire/vaultConfig.ts';

const NAME = 'backupResourceEncryptionConfig';
const PATH = `${VAULT_PATH}/backupEncryptionConfigs/${NAME}` as const;
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupEncryptionConfigs';

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
        summary: 'Tells how a vault is encrypted: with its own key.',
        async handler({ params }) {
          const config: EncryptionConfig = {
            id: `${armIdOf(await requireVault(services, params))}/backupEncryptionConfigs/${NAME}`,
            name: NAME,
            type: 'Microsoft.RecoveryServices/vaults/backupEncryptionConfigs',
            properties: {
              encryptionAtRestType: 'MicrosoftManaged',
              infrastructureEncryptionState: 'Disabled',
              lastUpdateStatus: 'NotEnabled',
            },
          };
          return ok(config);
        },
      }),
      route({
        method: 'PUT',
        path: PATH,
        action: `${ACTION}/write`,
        summary: 'Refuses customer-managed keys.',
        async handler({ params }) {
          await requireVault(services, params);
          throw new CodedError(
            'NotImplemented',
            'This vault keeps its own key: customer-managed keys in a key vault are not possible.',
            {
              target: 'properties.encryptionAtRestType',
            },
          );
        },
      }),
    ],
  });
