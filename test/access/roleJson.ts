/**
 * Azure's built-in roles, copied by hand from their published JSON, and a matcher of its own: what the program does is
 * compared with this, never with itself. `V/` is Microsoft.RecoveryServices/Vaults/, `L/` Microsoft.RecoveryServices/locations/,
 * `P/` V/backupFabrics/protectionContainers/, `I/` P/protectedItems/, `A/` Microsoft.Authorization/.
 */
const BACKUP_COMMON = `A/*/read Microsoft.Network/virtualNetworks/read Microsoft.RecoveryServices/operations/read
  Microsoft.Resources/deployments/* Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Storage/storageAccounts/read
  Microsoft.Support/*`;

const ROLES: Readonly<Record<string, readonly [id: string, actions: string, notActions?: string]>> = {
  Owner: ['8e3af657-a8ff-443c-a75c-2fe8c4bcb635', '*'],
  Contributor: ['b24988ac-6180-42a0-ab88-20f7382dd24c', '*', 'A/*/Delete A/*/Write A/elevateAccess/Action'],
  Reader: ['acdd72a7-3385-48ef-bd42-f606fba81ae7', '*/read'],
  'User Access Administrator': ['18d7d88d-d35e-4fb5-a5c3-7773c20a72d9', '*/read A/* Microsoft.Support/*'],
  'Role Based Access Control Administrator': [
    'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
    'A/roleAssignments/write A/roleAssignments/delete */read Microsoft.Support/*',
  ],
  'Backup Contributor': [
    '5e467623-bb1f-42f4-a55d-6e525e11384b',
    `${BACKUP_COMMON} L/* V/backupFabrics/operationResults/* P/* V/backupFabrics/refreshContainers/action V/backupJobs/*
     V/backupJobsExport/action V/backupOperationResults/* V/backupPolicies/* V/backupProtectableItems/* V/backupProtectedItems/*
     V/backupProtectionContainers/* V/backupSecurityPIN/* V/backupUsageSummaries/read V/certificates/* V/extendedInformation/*
     V/monitoringAlerts/read V/monitoringAlerts/write V/monitoringConfigurations/* V/read V/write V/registeredIdentities/* V/usages/*
     V/backupstorageconfig/* V/backupconfig/* V/backupValidateOperation/action V/backupOperations/read V/backupEngines/read
     V/backupFabrics/backupProtectionIntent/* V/backupFabrics/protectableContainers/read V/backupProtectionIntents/read
     V/operationStatus/read V/operationResults/read Microsoft.DataProtection/backupVaults/read Microsoft.DataProtection/operations/read`,
  ],
  'Backup Operator': [
    '00c29273-979b-4161-815c-10b084fb9324',
    `${BACKUP_COMMON} V/backupFabrics/operationResults/read P/operationResults/read I/backup/action I/operationResults/read
     I/operationsStatus/read I/read I/write I/recoveryPoints/provisionInstantItemRecovery/action I/recoveryPoints/accessToken/action
     I/recoveryPoints/read I/recoveryPoints/restore/action I/recoveryPoints/revokeInstantItemRecovery/action P/read P/write
     P/inquire/action P/items/read V/backupFabrics/refreshContainers/action V/backupJobs/* V/backupJobsExport/action
     V/backupOperationResults/* V/backupPolicies/operationResults/read V/backupPolicies/operations/read V/backupPolicies/read
     V/backupProtectableItems/* V/backupProtectedItems/read V/backupProtectionContainers/read V/backupUsageSummaries/read
     V/certificates/write V/extendedInformation/read V/extendedInformation/write V/monitoringAlerts/read V/monitoringAlerts/write
     V/monitoringConfigurations/* V/read V/registeredIdentities/operationResults/read V/registeredIdentities/read
     V/registeredIdentities/write V/usages/read V/backupstorageconfig/* V/backupValidateOperation/action
     V/backupTriggerValidateOperation/action V/backupValidateOperationResults/read V/backupValidateOperationsStatuses/read
     V/backupOperations/read V/backupEngines/read V/backupFabrics/backupProtectionIntent/write V/backupFabrics/backupProtectionIntent/read
     V/backupFabrics/protectableContainers/read L/backupStatus/action L/backupPreValidateProtection/action
     L/backupValidateFeatures/action L/backupAadProperties/read L/backupCrrJobs/action L/backupCrrJob/action
     L/backupCrossRegionRestore/action L/backupCrrOperationResults/read L/backupCrrOperationsStatus/read L/operationStatus/read
     V/backupProtectionIntents/read Microsoft.DataProtection/backupVaults/read Microsoft.DataProtection/operations/read`,
  ],
  'Backup Reader': [
    'a795c7a0-d4a2-40c1-ae25-d81f01202912',
    `A/*/read Microsoft.RecoveryServices/operations/read L/allocatedStamp/read V/backupFabrics/operationResults/read
     P/operationResults/read I/operationResults/read I/operationsStatus/read I/read I/recoveryPoints/read P/read P/items/read
     V/backupJobs/operationResults/read V/backupJobs/read V/backupJobsExport/action V/backupOperationResults/read
     V/backupPolicies/operationResults/read V/backupPolicies/operations/read V/backupPolicies/read V/backupProtectedItems/read
     V/backupProtectionContainers/read V/backupUsageSummaries/read V/extendedInformation/read V/monitoringAlerts/read
     V/monitoringAlerts/write V/monitoringConfigurations/* V/read V/registeredIdentities/operationResults/read
     V/registeredIdentities/read V/backupstorageconfig/read V/backupconfig/read V/backupOperations/read V/backupEngines/read
     V/backupFabrics/backupProtectionIntent/read V/backupProtectionIntents/read V/usages/read L/backupStatus/action
     L/backupValidateFeatures/action L/operationStatus/read L/backupCrrJobs/action L/backupCrrJob/action
     L/backupCrrOperationResults/read L/backupCrrOperationsStatus/read Microsoft.DataProtection/backupVaults/read
     Microsoft.DataProtection/operations/read`,
  ],
  'Backup MUA Operator': [
    'f54b6d04-23c6-443e-b462-9c16ab7b4a52',
    'A/*/read Microsoft.DataProtection/*/action Microsoft.DataProtection/*/read',
  ],
  'Virtual Machine Contributor': [
    '9980e02c-c2be-4d73-94e8-173b1dc7cf3c',
    `A/*/read Microsoft.Compute/availabilitySets/* Microsoft.Compute/locations/* Microsoft.Compute/virtualMachines/*
     Microsoft.Compute/virtualMachineScaleSets/* Microsoft.Compute/disks/write Microsoft.Compute/disks/read
     Microsoft.Compute/disks/delete Microsoft.Insights/alertRules/* Microsoft.Network/loadBalancers/read Microsoft.Network/locations/*
     Microsoft.Network/networkInterfaces/* Microsoft.Network/networkSecurityGroups/join/action
     Microsoft.Network/networkSecurityGroups/read Microsoft.Network/publicIPAddresses/join/action
     Microsoft.Network/publicIPAddresses/read Microsoft.Network/virtualNetworks/read Microsoft.Network/virtualNetworks/subnets/join/action
     L/* V/backupFabrics/backupProtectionIntent/write I/*/read I/read I/write V/backupPolicies/read V/backupPolicies/write V/read
     V/usages/read V/write Microsoft.ResourceHealth/availabilityStatuses/read Microsoft.Resources/deployments/*
     Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Storage/storageAccounts/listKeys/action
     Microsoft.Storage/storageAccounts/read Microsoft.Support/*`,
  ],
  'Storage Account Contributor': [
    '17d1049b-9a84-46fb-8f53-869881c3d3ab',
    `A/*/read Microsoft.Insights/alertRules/* Microsoft.Insights/diagnosticSettings/*
     Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action Microsoft.ResourceHealth/availabilityStatuses/read
     Microsoft.Resources/deployments/* Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Storage/storageAccounts/*
     Microsoft.Support/*`,
  ],
};

const PREFIXES: Readonly<Record<string, string>> = {
  'V/': 'Microsoft.RecoveryServices/Vaults/',
  'L/': 'Microsoft.RecoveryServices/locations/',
  'P/': 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/',
  'I/': 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/',
  'A/': 'Microsoft.Authorization/',
};

const patterns = (list: string): RegExp[] =>
  list
    .split(/\s+/)
    .filter((one) => one !== '')
    .map((one) => (PREFIXES[one.slice(0, 2)] ?? '') + (PREFIXES[one.slice(0, 2)] === undefined ? one : one.slice(2)))
    .map((one) => new RegExp(`^${one.replace(/[.]/g, '\\.').replaceAll('*', '.*')}$`, 'i'));

export interface PublishedRole {
  readonly name: string;
  readonly id: string;
  allows(action: string): boolean;
}

export const PUBLISHED_ROLES: readonly PublishedRole[] = Object.entries(ROLES).map(([name, [id, yes, no = '']]) => {
  const [granted, held] = [patterns(yes), patterns(no)];
  return {
    name,
    id,
    allows: (action) => granted.some((one) => one.test(action)) && !held.some((one) => one.test(action)),
  };
});
