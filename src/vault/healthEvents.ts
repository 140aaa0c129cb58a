import { isPassing } from './errorCatalogue.ts';
import type { Job } from './job.ts';

/** How the end of a backup or restore is counted; of a trouble, whether it was the same one the time before. */
export type HealthStatus =
  | 'Healthy'
  | 'Transient Unhealthy'
  | 'Persistent Unhealthy'
  | 'Transient Degraded'
  | 'Persistent Degraded';

export interface HealthEvent {
  readonly metric: 'BackupHealthEvent' | 'RestoreHealthEvent';
  /** ms since epoch. */
  readonly at: number;
  readonly itemId: string;
  readonly entity: string;
  readonly containerName: string;
  readonly status: HealthStatus;
}

/**
 * The health events of jobs that come newest first. A service's error is unhealthy, a user's degraded; the same error
 * as of the item's job before is persistent. Holds one job for each item at a time.
 */
export async function* healthEvents(jobs: AsyncIterable<Job>): AsyncGenerator<HealthEvent> {
  const undecided = new Map<string, Job>();
  for await (const job of jobs) {
    const metric = metricOf(job);
    if (metric === undefined || job.itemId === undefined || job.endTime === undefined) continue;
    if (job.status === 'Cancelled') continue;
    const key = `${metric}/${job.itemId}`;
    const newer = undecided.get(key);
    if (newer) yield eventOf(metric, newer, job);
    undecided.set(key, job);
  }
  for (const [key, job] of undecided) yield eventOf(key.split('/')[0] as HealthEvent['metric'], job, undefined);
}

const metricOf = ({ operation }: Job): HealthEvent['metric'] | undefined =>
  operation === 'Backup'
    ? 'BackupHealthEvent'
    : operation === 'Restore' || operation === 'CrossRegionRestore'
      ? 'RestoreHealthEvent'
      : undefined;

const eventOf = (metric: HealthEvent['metric'], job: Job, before: Job | undefined): HealthEvent => ({
  metric,
  at: job.endTime ?? job.startTime,
  itemId: job.itemId ?? '',
  entity: job.entityFriendlyName,
  containerName: job.containerName ?? '',
  status: statusOf(job, before),
});

const statusOf = (job: Job, before: Job | undefined): HealthStatus => {
  const code = job.errors[0]?.code;
  if (job.status !== 'Failed' || code === undefined) return 'Healthy';
  const [lasting, kind] = [
    before?.status === 'Failed' && before.errors[0]?.code === code ? 'Persistent' : 'Transient',
    code.startsWith('UserError') || !isPassing(code) ? 'Degraded' : 'Unhealthy',
  ] as const;
  return `${lasting} ${kind}`;
};
