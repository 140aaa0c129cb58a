import type { RouteTable } from '../arm/route.ts';
import { absentTypes } from './absentTypes.ts';
import { backup } from './backup.ts';
import { backupconfig } from './backupconfig.ts';
import { backupEncryptionConfigs } from './backupEncryptionConfigs.ts';
import { backupFabrics } from './backupFabrics.ts';
import { backupJobs } from './backupJobs.ts';
import { backupOperations } from './backupOperations.ts';
import { backupPolicies } from './backupPolicies.ts';
import { backupProtectableItems } from './backupProtectableItems.ts';
import { backupProtectedItems } from './backupProtectedItems.ts';
import { backupProtectionContainers } from './backupProtectionContainers.ts';
import { backupResourceGuardProxies } from './backupResourceGuardProxies.ts';
import { backupStatus } from './backupStatus.ts';
import { backupstorageconfig } from './backupstorageconfig.ts';
import { checkNameAvailability } from './checkNameAvailability.ts';
import { deletedVaults } from './deletedVaults.ts';
import { operationStatus } from './operationStatus.ts';
import { protectedItems } from './protectedItems.ts';
import { protectionContainers } from './protectionContainers.ts';
import { providers } from './providers.ts';
import { recoveryPoints } from './recoveryPoints.ts';
import { resourceGroups } from './resourceGroups.ts';
import { resources } from './resources.ts';
import { restore } from './restore.ts';
import type { Services } from './services.ts';
import { storageAccounts } from './storageAccounts.ts';
import { stores } from './stores.ts';
import { subscriptions } from './subscriptions.ts';
import { tenants } from './tenants.ts';
import { usages } from './usages.ts';
import { vaults } from './vaults.ts';
import { virtualMachines } from './virtualMachines.ts';

/** Every route of the control plane, for `createArmServer`. */
export function resourceProviders(services: Services): readonly RouteTable[] {
  const tables = [
    subscriptions(services),
    tenants(services),
    resourceGroups(services),
    resources(services),
    vaults(services),
    backupstorageconfig(services),
    backupconfig(services),
    backupEncryptionConfigs(services),
    backupResourceGuardProxies(services),
    backupPolicies(services),
    backupFabrics(services),
    backupProtectableItems(services),
    backupProtectionContainers(services),
    protectionContainers(services),
    ...absentTypes(services),
    backupProtectedItems(services),
    protectedItems(services),
    backup(services),
    recoveryPoints(services),
    restore(services),
    backupJobs(services),
    backupOperations(services),
    operationStatus(services),
    backupStatus(services),
    checkNameAvailability(services),
    deletedVaults(services),
    ...usages(services),
    ...stores(services),
    virtualMachines(services),
    ...storageAccounts(services),
  ];
  return [...tables, ...providers(services, tables)];
}
