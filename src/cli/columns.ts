import type { AuditEventResource } from '../api/wire/auditEvent.ts';
import type { BackupPolicy, SchedulePolicy } from '../api/wire/backupPolicy.ts';
import type { Job } from '../api/wire/job.ts';
import type { PrincipalResource } from '../api/wire/principal.ts';
import type { ProtectableItem } from '../api/wire/protectableItem.ts';
import type { ProtectedItem } from '../api/wire/protectedItem.ts';
import type { ProtectionContainer } from '../api/wire/protectionContainer.ts';
import type { RecoveryPoint } from '../api/wire/recoveryPoint.ts';
import type { ResourceGroup } from '../api/wire/resourceGroup.ts';
import type { Store, StoreJob } from '../api/wire/store.ts';
import type { Vault } from '../api/wire/vault.ts';
import type { VirtualMachine } from '../api/wire/virtualMachine.ts';
import { formatBytes, formatDuration, parseDurationMs } from './duration.ts';

/** One column of `-o table`. */
export interface Column {
  readonly title: string;
  /** undefined and null show as nothing. */
  read(row: unknown): unknown;
}

/** The columns of rows that are all of one resource type with a table of its own. */
export function columnsOf(rows: readonly unknown[]): readonly Column[] | undefined {
  const types = new Set(rows.map((row) => (hasType(row) ? row.type.toLowerCase() : '')));
  return types.size === 1 ? TABLES[[...types][0] as string] : undefined;
}

/** The scalar fields of the rows in their order; rows that are lists get numbered columns. */
export function genericColumns(rows: readonly unknown[]): readonly Column[] {
  const titles = new Map<string, Column>();
  for (const row of rows) {
    if (typeof row !== 'object' || row === null) {
      titles.set('Result', { title: 'Result', read: (value) => value });
    } else if (Array.isArray(row)) {
      row.forEach((_, at) => {
        titles.set(`${at}`, { title: `Column${at + 1}`, read: (value) => (value as unknown[])[at] });
      });
    } else {
      for (const [key, value] of Object.entries(row)) {
        if (typeof value === 'object' && value !== null) continue;
        titles.set(key, { title: capitalized(key), read: (other) => (other as Record<string, unknown>)[key] });
      }
    }
  }
  return [...titles.values()];
}

const hasType = (row: unknown): row is { type: string } =>
  typeof row === 'object' && row !== null && 'type' in row && typeof row.type === 'string';

const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** What output adds to every resource. */
type Shown<T> = T & { readonly resourceGroup?: string };

function tableOf<T>(columns: Readonly<Record<string, (row: Shown<T>) => unknown>>): readonly Column[] {
  return Object.entries(columns).map(([title, read]) => ({ title, read: (row) => read(row as Shown<T>) }));
}

const BACKUP = 'microsoft.recoveryservices/vaults';
const CONTAINERS = `${BACKUP}/backupfabrics/protectioncontainers`;

const TABLES: Readonly<Record<string, readonly Column[]>> = {
  'microsoft.resources/resourcegroups': tableOf<ResourceGroup>({
    Name: (group) => group.name,
    Location: (group) => group.location,
    Status: (group) => group.properties.provisioningState,
  }),
  'microsoft.compute/virtualmachines': tableOf<VirtualMachine>({
    Name: (machine) => machine.name,
    'Resource Group': (machine) => machine.resourceGroup,
    'Power State': powerState,
    OS: (machine) => machine.properties.storageProfile.osDisk?.osType,
    Disks: (machine) =>
      machine.properties.storageProfile.dataDisks.length + (machine.properties.storageProfile.osDisk ? 1 : 0),
    Location: (machine) => machine.location,
  }),
  [BACKUP]: tableOf<Vault>({
    Name: (vault) => vault.name,
    'Resource Group': (vault) => vault.resourceGroup,
    Location: (vault) => vault.location,
    State: (vault) => vault.properties.provisioningState,
    'Soft Delete': (vault) => vault.properties.securitySettings?.softDeleteSettings?.softDeleteState,
    Immutability: (vault) => vault.properties.securitySettings?.immutabilitySettings?.state,
  }),
  [`${BACKUP}/backuppolicies`]: tableOf<BackupPolicy>({
    Name: (policy) => policy.name,
    'Resource Group': (policy) => policy.resourceGroup,
    Type: (policy) => policy.properties.policyType,
    Schedule: (policy) => schedule(policy.properties.schedulePolicy),
    'Time Zone': (policy) => policy.properties.timeZone,
    'Instant Days': (policy) => policy.properties.instantRpRetentionRangeInDays,
    Items: (policy) => policy.properties.protectedItemsCount,
  }),
  [CONTAINERS]: tableOf<ProtectionContainer>({
    Name: (container) => container.properties.friendlyName,
    'Resource Group': (container) => container.resourceGroup,
    Type: (container) => container.properties.backupManagementType,
    'Registration Status': (container) => container.properties.registrationStatus,
  }),
  [`${CONTAINERS}/protectableitems`]: tableOf<ProtectableItem>({
    Name: (item) => item.properties.friendlyName,
    'VM Resource Group': (item) => item.properties.resourceGroup,
    'Protection State': (item) => item.properties.protectionState,
  }),
  [`${CONTAINERS}/protecteditems`]: tableOf<ProtectedItem>({
    Name: (item) => item.properties.friendlyName,
    'Container Name': (item) => item.properties.containerName,
    'Protection State': (item) => item.properties.protectionState,
    'Last Backup': (item) => item.properties.lastBackupStatus,
    'Last Recovery Point': (item) => toSecond(item.properties.lastRecoveryPoint),
    Policy: (item) => item.properties.policyName,
    Deleted: (item) => (item.properties.isScheduledForDeferredDelete ? 'soft' : ''),
  }),
  [`${CONTAINERS}/protecteditems/recoverypoints`]: tableOf<RecoveryPoint>({
    Name: (point) => point.name,
    Time: (point) => toSecond(point.properties.recoveryPointTime),
    Consistency: (point) => point.properties.recoveryPointType,
    Tiers: (point) =>
      point.properties.recoveryPointTierDetails
        .filter((tier) => tier.status === 'Valid' || tier.status === 'Rehydrated')
        .map((tier) => tier.type)
        .join(', '),
    Expires: (point) => toSecond(point.properties.recoveryPointProperties?.expiryTime),
  }),
  'strongroom.identity/principals': tableOf<PrincipalResource>({
    'Display Name': ({ properties }) => properties.displayName,
    Kind: ({ properties }) => properties.kind,
    'Signs In As': ({ properties }) => properties.userPrincipalName ?? properties.appId,
    'Object Id': ({ properties }) => properties.objectId,
    Enabled: ({ properties }) => properties.isEnabled,
  }),
  'strongroom.identity/auditevents': tableOf<AuditEventResource>({
    Seq: ({ properties }) => properties.seq,
    Time: ({ properties }) => toSecond(properties.time),
    Caller: ({ properties }) => properties.callerName ?? properties.caller,
    Action: ({ properties }) => properties.action,
    Status: ({ properties }) => properties.status,
    HTTP: ({ properties }) => properties.httpStatus,
    Resource: ({ properties }) => properties.resourceId.split('/').slice(-2).join('/'),
  }),
  [`${BACKUP}/stores`]: tableOf<Store>({
    Vault: (store) => store.properties.vaultId,
    Redundancy: (store) => store.properties.redundancy.actual,
    Packs: (store) => store.properties.stored.packs,
    Size: (store) => formatBytes(store.properties.stored.sizeBytes),
    Damaged: (store) => store.properties.damagedPacks,
    Collected: (store) => toSecond(store.properties.lastCollect?.at as string | undefined),
    Verified: (store) => toSecond(store.properties.lastVerify?.at as string | undefined),
    'Database Copied': (store) => toSecond(store.properties.databaseCopy?.at as string | undefined),
    Reconcile: (store) => (store.properties.reconcile ? 'required' : ''),
  }),
  [`${BACKUP}/stores/jobs`]: tableOf<StoreJob>({
    Name: (job) => job.name,
    Operation: (job) => job.properties.operation,
    Status: (job) => job.properties.status,
    'Start Time (UTC)': (job) => toSecond(job.properties.startTime),
    Details: (job) =>
      [
        ...job.properties.errors.map(({ message }) => message),
        ...Object.entries(job.properties.details).map(([key, value]) => `${key}: ${value}`),
      ].join('; '),
  }),
  [`${BACKUP}/backupjobs`]: tableOf<Job>({
    Name: (job) => job.name,
    Operation: (job) => job.properties.operation,
    Status: (job) => job.properties.status,
    'Item Name': (job) => job.properties.entityFriendlyName,
    'Start Time (UTC)': (job) => toSecond(job.properties.startTime),
    Duration: (job) => {
      const durationMs = parseDurationMs(job.properties.duration);
      return durationMs === undefined ? job.properties.duration : formatDuration(durationMs);
    },
  }),
};

const toSecond = (time: string | undefined): string | undefined => time?.replace(/\.\d+Z$/, 'Z');

function powerState(machine: VirtualMachine): string | undefined {
  const status = machine.properties.instanceView?.statuses.find(({ code }) => code.startsWith('PowerState/'));
  return status?.code.slice('PowerState/'.length);
}

function schedule(policy: SchedulePolicy): string {
  const runs = policy.schedulePolicyType === 'SimpleSchedulePolicy' ? policy : undefined;
  if (policy.schedulePolicyType === 'SimpleSchedulePolicyV2' && policy.hourlySchedule) {
    const { interval, scheduleWindowStartTime, scheduleWindowDuration } = policy.hourlySchedule;
    return `every ${interval} h from ${timeOfDay(scheduleWindowStartTime)} for ${scheduleWindowDuration} h`;
  }
  const v2 = policy.schedulePolicyType === 'SimpleSchedulePolicyV2' ? policy : undefined;
  const days = runs?.scheduleRunDays ?? v2?.weeklySchedule?.scheduleRunDays ?? [];
  const times = runs?.scheduleRunTimes ?? v2?.dailySchedule?.scheduleRunTimes ?? v2?.weeklySchedule?.scheduleRunTimes;
  const when = (times ?? []).map(timeOfDay).join(', ');
  const onDays = days.length > 0 ? ` (${days.map((day) => day.slice(0, 3)).join(', ')})` : '';
  return `${policy.scheduleRunFrequency} ${when}${onDays}`;
}

const timeOfDay = (time: string): string => /T(\d\d:\d\d)/.exec(time)?.[1] ?? time;
