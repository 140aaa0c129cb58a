import type { AlertKind } from './alert.ts';
import type { Job } from './job.ts';

/** What the end of a job raises or resolves; undefined: it has no alert. */
export const alertKindOf = ({ operation }: Pick<Job, 'operation'>): AlertKind | undefined =>
  operation === 'Backup'
    ? 'BackupFailure'
    : operation === 'Restore' || operation === 'CrossRegionRestore'
      ? 'RestoreFailure'
      : undefined;

/** A machine that is gone, or another job that is at work, is nobody's alarm. */
const QUIET: ReadonlySet<string> = new Set(['BCMV2VMNotFound', 'UserErrorBackupOperationInProgress']);

export const deservesAlert = ({ errors }: Pick<Job, 'errors'>): boolean => !errors.some(({ code }) => QUIET.has(code));

/** `monitoringSettings.azureMonitorAlertSettings.alertsForAllJobFailures` of the vault; on unless it is 'Disabled'. */
export const wantsJobAlerts = (vault: { readonly settings: object }): boolean => {
  const { monitoringSettings } = vault.settings as { monitoringSettings?: Settings };
  return monitoringSettings?.azureMonitorAlertSettings?.alertsForAllJobFailures !== 'Disabled';
};

interface Settings {
  readonly azureMonitorAlertSettings?: { readonly alertsForAllJobFailures?: unknown } | null;
}
