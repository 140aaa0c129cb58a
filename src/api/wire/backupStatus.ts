/** Body of POST locations/{location}/backupStatus. */
export interface BackupStatusRequest {
  readonly resourceType: 'VM';
  readonly resourceId: string;
}

export interface BackupStatus {
  readonly protectionStatus: 'NotProtected' | 'Protecting' | 'Protected' | 'ProtectionFailed';
  /** Absent when the machine is not protected, never ''. */
  readonly vaultId?: string | undefined;
  readonly fabricName?: 'Azure' | 'Invalid' | undefined;
  readonly containerName?: string | undefined;
  readonly protectedItemName?: string | undefined;
  readonly policyName?: string | undefined;
  readonly registrationStatus?: string | undefined;
  readonly protectedItemsCount?: number | undefined;
  readonly acquireStorageAccountLock?: 'Acquire' | 'NotAcquire' | undefined;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
}
