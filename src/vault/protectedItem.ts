import type { PolicyRules } from './policy.ts';

export const PROTECTION_STATES = [
  'IRPending',
  'Protected',
  'ProtectionError',
  'ProtectionStopped',
  'BackupsSuspended',
] as const;
export type ProtectionState = (typeof PROTECTION_STATES)[number];

/** Selective disks: the OS disk (LUN -1) is always in. */
export interface DiskSelection {
  readonly isInclusionList: boolean;
  readonly luns: readonly number[];
}

/** Set while the item waits for its purge; the retention is the vault's at the moment of deletion. */
export interface SoftDelete {
  readonly deletedAt: number;
  readonly retentionDays: number;
  readonly purgeAt: number;
  /** When people were told that the purge is near, ms. */
  readonly announcedAt?: number;
  /** When the purge began, ms: from then on it cannot be taken back. */
  readonly purgingSince?: number;
}

/** The rules an item was kept under when its protection was stopped: a later policy is compared with them. */
export type FormerRules = Pick<PolicyRules, 'policyType' | 'retention' | 'instantRestoreDays'>;

export interface LastBackup {
  readonly status: 'Completed' | 'Failed' | 'InProgress';
  /** When it began, ms. */
  readonly time: number;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** A machine under a policy in a vault. */
export interface ProtectedItem {
  /** UUID. */
  readonly id: string;
  readonly vaultId: string;
  /** Name of the machine's host in the configuration. */
  readonly host: string;
  /** Resource group and name of the machine in its own spelling. */
  readonly resourceGroup: string;
  readonly vmName: string;
  /** The machine's lasting UUID. */
  readonly vmId: string;
  /** ARM id of the virtual machine, as it was first sent. */
  readonly sourceResourceId: string;
  readonly protectionState: ProtectionState;
  /** Absent once protection is stopped. */
  readonly policyId?: string;
  /** Set while protection is stopped and the policy gone with it. */
  readonly formerRules?: FormerRules;
  readonly disks?: DiskSelection;
  /** Name of the intent that asked for it. */
  readonly intent?: string;
  /** Resource group in which its snapshots are shown; absent until the first. */
  readonly snapshotGroup?: string;
  readonly softDelete?: SoftDelete;
  readonly lastBackup?: LastBackup;
  readonly createdAt: number;
  readonly updatedAt: number;
}
