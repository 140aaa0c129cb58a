import { backupSubTasks } from '../../vault/job.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import { newVault } from '../../vault/vaultRules.ts';
import type { NewJob } from '../jobs.ts';

export const START = Date.parse('2026-01-05T08:00:00Z');

export const sampleVault = (id = 'vault-1', name = 'Harbour') =>
  newVault({ id, subscriptionId: 'SUB-1', resourceGroup: 'Quay', name, location: 'north' }, START);

export const sampleItem = (patch: Partial<ProtectedItem> = {}): ProtectedItem => ({
  id: 'item-1',
  vaultId: 'vault-1',
  host: 'shed',
  resourceGroup: 'Quay',
  vmName: 'Lantern',
  vmId: 'b7a1',
  sourceResourceId: '/subscriptions/sub-1/resourceGroups/Quay/providers/Microsoft.Compute/virtualMachines/Lantern',
  protectionState: 'IRPending',
  policyId: 'policy-1',
  createdAt: START,
  updatedAt: START,
  ...patch,
});

export const samplePoint = (patch: Partial<RecoveryPoint> = {}): RecoveryPoint => ({
  id: '1001',
  vaultId: 'vault-1',
  itemId: 'item-1',
  jobId: 'job-1',
  takenAt: START,
  consistency: 'application',
  keptBy: [],
  disks: [],
  excludedDisks: [],
  machine: {},
  ...patch,
});

export const backupJob = (patch: Partial<NewJob> = {}): NewJob & { readonly itemId: string } => ({
  vaultId: 'vault-1',
  itemId: 'item-1',
  operation: 'Backup',
  entityFriendlyName: 'Lantern',
  containerName: 'iaasvmcontainerv2;Quay;Lantern',
  isUserTriggered: false,
  startedBy: 'schedule',
  startTime: START,
  subTasks: backupSubTasks(),
  ...patch,
});
