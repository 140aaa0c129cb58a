import type { BackupPolicy } from '../../api/wire/backupPolicy.ts';
import type { Job, JobProperties, JobTask } from '../../api/wire/job.ts';
import type { OperationStatus } from '../../api/wire/operationStatus.ts';
import type { ProtectableItem } from '../../api/wire/protectableItem.ts';
import type { ProtectedItem } from '../../api/wire/protectedItem.ts';
import type { RecoveryPoint } from '../../api/wire/recoveryPoint.ts';
import type { Vault } from '../../api/wire/vault.ts';
import type { VirtualMachine } from '../../api/wire/virtualMachine.ts';
import { SUBSCRIPTION } from './fakeArm.ts';

/** Resources of one small world: vault `safe` in group `rg-north`, machine `Web-01` protected by `nightly`. */
export const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-north`;
export const VAULT = `${GROUP}/providers/Microsoft.RecoveryServices/vaults/safe`;
export const MACHINE = `${GROUP}/providers/Microsoft.Compute/virtualMachines/Web-01`;
export const CONTAINER = `${VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg-north;Web-01`;
export const ITEM = `${CONTAINER}/protectedItems/VM;iaasvmcontainerv2;rg-north;Web-01`;
export const POLICY = `${VAULT}/backupPolicies/nightly`;

export const vault: Vault = {
  id: VAULT,
  name: 'safe',
  type: 'Microsoft.RecoveryServices/vaults',
  location: 'north',
  tags: { team: 'blue' },
  sku: { name: 'Standard' },
  properties: {
    provisioningState: 'Succeeded',
    publicNetworkAccess: 'Enabled',
    securitySettings: { softDeleteSettings: { softDeleteState: 'AlwaysON', softDeleteRetentionPeriodInDays: 14 } },
  },
};

export const machine: VirtualMachine = {
  id: MACHINE,
  name: 'Web-01',
  type: 'Microsoft.Compute/virtualMachines',
  location: 'North',
  properties: {
    vmId: '0f8fad5b-d9cb-469f-a165-70867728950e',
    provisioningState: 'Succeeded',
    storageProfile: {
      osDisk: { name: 'web-os', osType: 'Linux', createOption: 'Attach', diskSizeGB: 8 },
      dataDisks: [{ lun: 0, name: 'web-data', createOption: 'Attach', diskSizeGB: 2 }],
    },
  },
};

export const policy: BackupPolicy = {
  id: POLICY,
  name: 'nightly',
  type: 'Microsoft.RecoveryServices/vaults/backupPolicies',
  properties: {
    backupManagementType: 'AzureIaasVM',
    policyType: 'V1',
    instantRPDetails: {},
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicy',
      scheduleRunFrequency: 'Weekly',
      scheduleRunDays: ['Sunday', 'Wednesday'],
      scheduleRunTimes: ['2026-01-05T20:30:00Z'],
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      weeklySchedule: {
        daysOfTheWeek: ['Sunday', 'Wednesday'],
        retentionTimes: ['2026-01-05T20:30:00Z'],
        retentionDuration: { count: 12, durationType: 'Weeks' },
      },
    },
    instantRpRetentionRangeInDays: 5,
    timeZone: 'UTC',
    protectedItemsCount: 1,
  },
};

export const protectable: ProtectableItem = {
  id: `${CONTAINER}/protectableItems/vm;iaasvmcontainerv2;rg-north;Web-01`,
  name: 'iaasvmcontainerv2;rg-north;Web-01',
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectableItems',
  properties: {
    protectableItemType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    friendlyName: 'Web-01',
    protectionState: 'NotProtected',
    virtualMachineId: MACHINE,
    virtualMachineVersion: 'Compute',
    resourceGroup: 'rg-north',
  },
};

export const item: ProtectedItem = {
  id: ITEM,
  name: 'VM;iaasvmcontainerv2;rg-north;Web-01',
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
  properties: {
    protectedItemType: 'Microsoft.Compute/virtualMachines',
    backupManagementType: 'AzureIaasVM',
    workloadType: 'VM',
    friendlyName: 'Web-01',
    containerName: 'iaasvmcontainerv2;rg-north;Web-01',
    sourceResourceId: MACHINE,
    virtualMachineId: MACHINE,
    policyId: POLICY,
    policyName: 'nightly',
    protectionState: 'Protected',
    protectionStatus: 'Healthy',
    healthStatus: 'Passed',
    lastBackupStatus: 'Completed',
    lastRecoveryPoint: '2026-01-04T20:31:05Z',
  },
};

export const point: RecoveryPoint = {
  id: `${ITEM}/recoveryPoints/7310882001`,
  name: '7310882001',
  type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints',
  properties: {
    objectType: 'IaasVMRecoveryPoint',
    recoveryPointType: 'AppConsistent',
    recoveryPointTime: '2026-01-04T20:31:05Z',
    recoveryPointTierDetails: [
      { type: 'InstantRP', status: 'Valid' },
      { type: 'HardenedRP', status: 'Valid' },
      { type: 'ArchivedRP', status: 'Disabled' },
    ],
    recoveryPointProperties: { expiryTime: '2026-03-29T20:31:05Z' },
  },
};

export const task = (taskId: string, status: JobTask['status'], more: Partial<JobTask> = {}): JobTask => ({
  taskId,
  status,
  ...more,
});

export const job = (
  status: JobProperties['status'],
  tasksList: readonly JobTask[] = [],
  more: Partial<JobProperties> = {},
): Job => ({
  id: `${VAULT}/backupJobs/job-7`,
  name: 'job-7',
  type: 'Microsoft.RecoveryServices/vaults/backupJobs',
  properties: {
    jobType: 'AzureIaaSVMJob',
    backupManagementType: 'AzureIaasVM',
    entityFriendlyName: 'Web-01',
    operation: 'Backup',
    status,
    startTime: '2026-01-05T08:00:00Z',
    duration: 'PT83.4S',
    extendedInfo: { tasksList },
    ...more,
  },
});

/** The answer of a call that began an operation. */
export const accepted = (endpoint: string, operationId = 'op-1') => ({
  status: 202,
  headers: {
    'azure-asyncoperation': `${endpoint}${VAULT}/backupFabrics/Azure/operationsStatus/${operationId}?api-version=2025-02-01`,
    location: `${endpoint}${VAULT}/backupFabrics/Azure/operationResults/${operationId}?api-version=2025-02-01`,
    'retry-after': '1',
  },
});

export const operation = (status: OperationStatus['status'], more: Partial<OperationStatus> = {}): OperationStatus => ({
  id: `${VAULT}/backupOperations/op-1`,
  name: 'op-1',
  status,
  ...(status === 'Succeeded' && { properties: { objectType: 'OperationStatusJobExtendedInfo', jobId: 'job-7' } }),
  ...more,
});
