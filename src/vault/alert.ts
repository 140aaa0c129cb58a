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
}
