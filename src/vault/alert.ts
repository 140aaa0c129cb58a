export type AlertSeverity = 'Sev0' | 'Sev1' | 'Sev2' | 'Sev3' | 'Sev4';

/** What alerts are raised for, and how grave each is; those of Sev0 cannot be switched off. */
export const ALERT_SEVERITY = {
  DeleteBackupData: 'Sev0',
  UpcomingPurge: 'Sev0',
  PurgeComplete: 'Sev0',
  SoftDeleteDisabledForVault: 'Sev0',
  ModifyPolicyWithShorterRetention: 'Sev0',
  ModifyProtectionWithShorterRetention: 'Sev0',
  MultiUserAuthorizationDisabled: 'Sev0',
  DisableHybridSecurityFeatures: 'Sev0',
  BackupFailure: 'Sev1',
  RestoreFailure: 'Sev1',
} as const satisfies Record<string, AlertSeverity>;

export type AlertKind = keyof typeof ALERT_SEVERITY;

export interface Alert {
  /** UUID. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: AlertSeverity;
  readonly vaultId: string;
  /** ARM id of the vault; it outlives the vault. */
  readonly target: string;
  readonly itemId?: string;
  readonly about: string;
  readonly jobId?: string;
  readonly errorCode?: string;
  readonly description: string;
  /** What people say of it. */
  readonly state: 'New' | 'Acknowledged' | 'Closed';
  /** Whether what it tells still holds. */
  readonly condition: 'Fired' | 'Resolved';
  readonly firedAt: number;
  readonly resolvedAt?: number;
  readonly updatedAt: number;
  /** Who changed it last; absent: the server. */
  readonly updatedBy?: string;
  /** Name of the processing rule that kept it from being told. */
  readonly suppressedBy?: string;
}

export const ALERT_STATES = ['New', 'Acknowledged', 'Closed'] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export const ALERT_SEVERITIES = ['Sev0', 'Sev1', 'Sev2', 'Sev3', 'Sev4'] as const;
export const ALERT_CONDITIONS = ['Fired', 'Resolved'] as const;
export type AlertCondition = (typeof ALERT_CONDITIONS)[number];
/** Azure's name of the service behind an alert. */
export const MONITOR_SERVICE = 'Azure Backup';

/** Azure's names of the built-in alerts. */
const ALERT_TITLE: Readonly<Record<AlertKind, string>> = {
  DeleteBackupData: 'Delete Backup Data',
  UpcomingPurge: 'Upcoming Purge',
  PurgeComplete: 'Purge Complete',
  SoftDeleteDisabledForVault: 'Soft Delete Disabled for Vault',
  ModifyPolicyWithShorterRetention: 'Modify Policy with Shorter Retention',
  ModifyProtectionWithShorterRetention: 'Modify Protection with Shorter Retention',
  MultiUserAuthorizationDisabled: 'MUA Disabled',
  DisableHybridSecurityFeatures: 'Disable hybrid security features',
  BackupFailure: 'Backup Failure',
  RestoreFailure: 'Restore Failure',
};

/** What people read: 'Backup Failure'. A kind of a newer version is shown as it is written. */
export const alertTitle = (kind: AlertKind): string => ALERT_TITLE[kind] ?? kind;

export interface AlertChange {
  readonly event:
    | 'AlertCreated'
    | 'MonitorConditionChange'
    | 'StateChange'
    | 'ActionsTriggered'
    | 'ActionsFailed'
    | 'ActionRuleSuppressed';
  readonly from?: string;
  readonly to: string;
  /** ms since epoch. */
  readonly at: number;
  readonly by: string;
  readonly comments?: string;
}
