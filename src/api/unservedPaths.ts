import type { Method } from '../arm/route.ts';
import { ITEM_PATH, VAULT_PATH } from './paths.ts';

/** Routes of Azure that are refused for one reason. */
export interface Unserved {
  /** The ARM type they stand under. */
  readonly type: string;
  /** A sentence: what is not served. */
  readonly what: string;
  /** A sentence: what to do instead. */
  readonly instead: string;
  readonly routes: readonly (readonly [Method, string])[];
}

const NAMESPACE = 'Microsoft.RecoveryServices';
const POINT = `${ITEM_PATH}/recoveryPoints/{recoveryPointId}`;
const STORAGE_CONFIG = `${VAULT_PATH}/backupstorageconfig/vaultstorageconfig`;
const PRIVATE = `${VAULT_PATH}/privateEndpointConnections/{privateEndpointConnectionName}`;
const TIERING_COST = `${VAULT_PATH}/backupTieringCost/default`;

const fileRecovery: Unserved = {
  type: `${NAMESPACE}/vaults/instantItemRecovery`,
  what: 'Recovery of single files by mounting a recovery point is not served yet.',
  instead: 'Restore the disks of the recovery point and take the files from them.',
  routes: [
    ['POST', `${POINT}/provisionInstantItemRecovery`],
    ['POST', `${POINT}/revokeInstantItemRecovery`],
  ],
};

const archive: Unserved = {
  type: `${NAMESPACE}/vaults/backupTieringCost`,
  what: 'There is no archive tier: recovery points stay in the vault tier as long as they are kept.',
  instead: 'Set the retention of the policy; a tieringPolicy is kept and checked, but moves nothing.',
  routes: [
    ['POST', `${POINT}/move`],
    ['POST', `${TIERING_COST}/fetchTieringCost`],
    ['GET', `${TIERING_COST}/operationResults/{operationId}`],
    ['GET', `${TIERING_COST}/operationsStatus/{operationId}`],
  ],
};

const dataMove: Unserved = {
  type: `${NAMESPACE}/vaults/backupstorageconfig/dataMove`,
  what: 'Moving the data of a vault to another vault is not served.',
  instead: 'Stop protection with the data retained, and protect the machines in the other vault.',
  routes: [
    ['POST', `${STORAGE_CONFIG}/prepareDataMove`],
    ['POST', `${STORAGE_CONFIG}/triggerDataMove`],
    ['GET', `${STORAGE_CONFIG}/operationResults/{operationId}`],
    ['GET', `${STORAGE_CONFIG}/operationStatus/{operationId}`],
  ],
};

const privateEndpoints: Unserved = {
  type: `${NAMESPACE}/vaults/privateEndpointConnections`,
  what: 'Private endpoints are not served: the server listens where its operator lets it.',
  instead: 'Set the address the server listens on, and the firewall before it.',
  routes: [
    ['GET', PRIVATE],
    ['PUT', PRIVATE],
    ['DELETE', PRIVATE],
    ['GET', `${PRIVATE}/operationsStatus/{operationId}`],
    ['GET', `${VAULT_PATH}/privateLinkResources`],
    ['GET', `${VAULT_PATH}/privateLinkResources/{privateLinkResourceName}`],
  ],
};

const backupServers: Unserved = {
  type: `${NAMESPACE}/vaults/backupEngines`,
  what: 'Backup servers and agents (MABS, DPM, MARS) are not served: a vault here protects virtual machines.',
  instead: 'Protect the virtual machine as a whole.',
  routes: [
    ['GET', `${VAULT_PATH}/backupEngines/{backupEngineName}`],
    ['PUT', `${VAULT_PATH}/certificates/{certificateName}`],
    ['DELETE', `${VAULT_PATH}/registeredIdentities/{identityName}`],
  ],
};

/** Azure Site Recovery shares the vault with Azure Backup. */
const siteRecovery: Unserved = {
  type: `${NAMESPACE}/vaults/replication`,
  what: 'Site recovery (replication of machines between regions) is not served.',
  instead: 'Back the machines up, and give the vault a copy of its store in another place (GeoRedundant).',
  routes: [
    'replicationAlertSettings',
    'replicationAppliances',
    'replicationEligibilityResults',
    'replicationEvents',
    'replicationFabrics',
    'replicationJobs',
    'replicationMigrationItems',
    'replicationNetworkMappings',
    'replicationNetworks',
    'replicationPolicies',
    'replicationProtectedItems',
    'replicationProtectionContainerMappings',
    'replicationProtectionContainers',
    'replicationProtectionIntents',
    'replicationRecoveryPlans',
    'replicationRecoveryServicesProviders',
    'replicationStorageClassificationMappings',
    'replicationStorageClassifications',
    'replicationVaultHealth',
    'replicationVaultSettings',
    'replicationvCenters',
  ].map((type) => ['GET', `${VAULT_PATH}/${type}`] as const),
};

export const UNSERVED: readonly Unserved[] = [
  fileRecovery,
  archive,
  dataMove,
  privateEndpoints,
  backupServers,
  siteRecovery,
];
