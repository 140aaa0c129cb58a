import { getItem } from '../db/items.ts';
import { getPolicy } from '../db/policies.ts';
import { CodedError } from '../lib/error.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { assertCanBackUp } from '../vault/protection.ts';
import type { Occurrence } from '../vault/schedule.ts';
import type { JobContext } from './context.ts';

/** What a backup was asked for; a job's `parameters`. */
export interface BackupParameters {
  /** The scheduled occurrence it answers; absent for on-demand backups. */
  readonly occurrence?: Occurrence;
  /** On-demand: the point is kept until then, ms. */
  readonly retainUntil?: number;
}

/** What a backup works on, as it stood when this run of the job began. */
export interface BackupSubject {
  readonly item: ProtectedItem;
  readonly policy: Policy | undefined;
  readonly parameters: BackupParameters;
}

/** Errors: UserErrorBcmDatasourceNotPresent. */
export async function readBackupSubject({ db, job }: JobContext): Promise<BackupSubject> {
  const item = job.itemId === undefined ? undefined : await getItem(db.queries, job.itemId);
  if (!item)
    throw new CodedError('UserErrorBcmDatasourceNotPresent', `Protected item ${job.itemId} is no longer in its vault.`);
  assertCanBackUp(item);
  const policy = item.policyId === undefined ? undefined : await getPolicy(db.queries, item.policyId);
  return { item, policy, parameters: job.parameters as unknown as BackupParameters };
}
