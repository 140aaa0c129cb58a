import type { RouteTable } from '../arm/route.ts';
import { absentTypes } from './absentTypes.ts';
import { actionRules } from './alertsManagement/actionRules.ts';
import { alerts } from './alertsManagement/alerts.ts';
import { alertsSummary } from './alertsManagement/alertsSummary.ts';
import { locks } from './authorization/locks.ts';
import { permissions } from './authorization/permissions.ts';
import { roleAssignments } from './authorization/roleAssignments.ts';
import { roleDefinitions } from './authorization/roleDefinitions.ts';
import { backup } from './backup.ts';
import { backupconfig } from './backupconfig.ts';
import { backupEncryptionConfigs } from './backupEncryptionConfigs.ts';
import { backupFabrics } from './backupFabrics.ts';
import { backupJobs } from './backupJobs.ts';
import { backupJobsExport } from './backupJobsExport.ts';
import { backupOperations } from './backupOperations.ts';
import { backupPolicies } from './backupPolicies.ts';
import { backupProtectableItems } from './backupProtectableItems.ts';
import { backupProtectedItems } from './backupProtectedItems.ts';
import { backupProtectionContainers } from './backupProtectionContainers.ts';
import { backupProtectionIntents } from './backupProtectionIntents.ts';
import { backupResourceGuardProxies } from './backupResourceGuardProxies.ts';
import { backupSecurityPIN } from './backupSecurityPIN.ts';
import { backupStatus } from './backupStatus.ts';
import { backupstorageconfig } from './backupstorageconfig.ts';
import { capabilities } from './capabilities.ts';
import { checkNameAvailability } from './checkNameAvailability.ts';
import { disks } from './compute/disks.ts';
import { extensions } from './compute/extensions.ts';
import { images } from './compute/images.ts';
import { operations as computeOperations } from './compute/operations.ts';
import { restorePointCollections } from './compute/restorePointCollections.ts';
import { vmSizes } from './compute/vmSizes.ts';
import { crossRegionRestore } from './crossRegionRestore.ts';
import { resourceGuards } from './dataProtection/resourceGuards.ts';
import { deletedVaults } from './deletedVaults.ts';
import { extendedInformation } from './extendedInformation.ts';
import { auditEvents } from './identity/auditEvents.ts';
import { principals } from './identity/principals.ts';
import { actionGroups } from './insights/actionGroups.ts';
import { eventtypes } from './insights/eventtypes.ts';
import { metrics } from './insights/metrics.ts';
import { userAssignedIdentities } from './managedIdentity/userAssignedIdentities.ts';
import { moveResources } from './moveResources.ts';
import { networkInterfaces } from './network/networkInterfaces.ts';
import { networkSecurityGroups } from './network/networkSecurityGroups.ts';
import { publicIPAddresses } from './network/publicIPAddresses.ts';
import { virtualNetworks } from './network/virtualNetworks.ts';
import { operationStatus } from './operationStatus.ts';
import { policyPlans } from './policyPlans.ts';
import { protectedItems } from './protectedItems.ts';
import { protectionContainers } from './protectionContainers.ts';
import { providers } from './providers.ts';
import { recoveryPoints } from './recoveryPoints.ts';
import { resourceGroups } from './resourceGroups.ts';
import { deployments } from './resources/deployments.ts';
import { resources } from './resources.ts';
import { restore } from './restore.ts';
import type { Services } from './services.ts';
import { checkStorageName } from './storage/checkNameAvailability.ts';
import { classicStorageAccounts } from './storage/classicStorageAccounts.ts';
import { storageAccounts } from './storage/storageAccounts.ts';
import { stores } from './stores.ts';
import { subscriptions } from './subscriptions.ts';
import { tenants } from './tenants.ts';
import { unserved } from './unserved.ts';
import { usages } from './usages.ts';
import { validateOperation } from './validateOperation.ts';
import { vaults } from './vaults.ts';
import { virtualMachines } from './virtualMachines.ts';

/** Every route of the control plane, for `createArmServer`. */
export function resourceProviders(services: Services): readonly RouteTable[] {
  const tables: readonly RouteTable[] = [
    subscriptions(services),
    tenants(services),
    resourceGroups(services, () => tables),
    resources(services),
    vaults(services),
    backupstorageconfig(services),
    backupconfig(services),
    backupEncryptionConfigs(services),
    backupResourceGuardProxies(services),
    backupSecurityPIN(services),
    resourceGuards(services),
    backupPolicies(services),
    policyPlans(services),
    backupFabrics(services),
    backupProtectableItems(services),
    backupProtectionContainers(services),
    protectionContainers(services),
    ...backupProtectionIntents(services),
    ...absentTypes(services),
    backupProtectedItems(services),
    protectedItems(services),
    backup(services),
    recoveryPoints(services),
    restore(services),
    validateOperation(services),
    crossRegionRestore(services),
    backupJobs(services),
    backupJobsExport(services),
    alerts(services),
    alertsSummary(services),
    actionRules(services),
    actionGroups(services),
    eventtypes(services),
    ...metrics(services),
    backupOperations(services),
    operationStatus(services),
    backupStatus(services),
    checkNameAvailability(services),
    deletedVaults(services),
    capabilities(services),
    extendedInformation(services),
    moveResources(services),
    ...usages(services),
    ...stores(services),
    roleDefinitions(services),
    roleAssignments(services),
    permissions(services),
    locks(services),
    principals(services),
    auditEvents(services),
    virtualMachines(services),
    ...restorePointCollections(services),
    extensions(services),
    disks(services),
    ...images(services),
    ...vmSizes(services),
    computeOperations(services),
    virtualNetworks(services),
    networkInterfaces(services),
    networkSecurityGroups(services),
    publicIPAddresses(services),
    userAssignedIdentities(services),
    storageAccounts(services),
    checkStorageName(services),
    classicStorageAccounts(services),
  ];
  const all = [...tables, deployments(services, tables)];
  return [...all, ...providers(services, all), ...unserved(all)];
}
