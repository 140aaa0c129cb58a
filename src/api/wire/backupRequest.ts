import type { IsoTime } from './resource.ts';

/** Body of POST {item}/backup. */
export interface BackupRequest {
  readonly properties: {
    readonly objectType: 'IaasVMBackupRequest';
    /** Until when the point is kept; absent: 30 days. */
    readonly recoveryPointExpiryTimeInUTC?: IsoTime | undefined;
  };
}
