import { operationResult } from '../arm/operation.ts';
import { accepted, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listJobs } from '../db/jobList.ts';
import { getJob } from '../db/jobs.ts';
import { CodedError } from '../lib/error.ts';
import { ARM_JOB_OPERATIONS, type Job } from '../vault/job.ts';
import { assertCancellable } from '../vault/jobRules.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { JOB_FILTER, jobQuery } from './jobFilter.ts';
import { requireVault } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import type { Services } from './services.ts';
import { armIdOf, jobId } from './toWire/ids.ts';
import { jobToWire } from './toWire/job.ts';
import { VAULT_PATH } from './vaultPath.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupJobs';
const JOBS = `${VAULT_PATH}/backupJobs` as const;
const JOB = `${JOBS}/{jobName}` as const;

export const backupJobs = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupJobs',
    apiVersions: BACKUP_VERSIONS,
    routes: [list(services), get(services), cancel(services), cancelResult(services)],
  });

const list = (services: Services) =>
  route({
    method: 'GET',
    path: JOBS,
    action: `${ACTION}/read`,
    summary: 'Lists the jobs of a vault, newest first.',
    filter: JOB_FILTER,
    async handler(context) {
      const { queries } = services.db;
      const vault = await requireVault(services, context.params);
      const query = jobQuery(context.filter);
      if (!query) return context.list([]);
      const show = (job: Job) => jobToWire(armIdOf(vault), job, { extended: false, now: services.clock.now() });
      if (query.jobId !== undefined) {
        const job = await findJob(services, vault, query.jobId);
        return context.list(job ? [show(job)] : []);
      }
      const { size, cursor } = context.page;
      const page = await listJobs(
        queries,
        { ...query.filter, vaultId: vault.id },
        { limit: size, ...(cursor === undefined ? {} : { after: cursor }) },
      );
      return context.list(page.values.map(show), page.next);
    },
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: JOB,
    action: `${ACTION}/read`,
    summary: 'Gets a job with its sub tasks and their progress.',
    filter: { expand: 'string' },
    async handler({ params }) {
      const vault = await requireVault(services, params);
      const job = await requireJob(services, vault, params.jobName);
      return ok(jobToWire(armIdOf(vault), job, { extended: true, now: services.clock.now() }));
    },
  });

const cancel = (services: Services) =>
  route({
    method: 'POST',
    path: `${JOB}/cancel`,
    action: `${ACTION}/cancel/action`,
    summary: 'Cancels a backup, in either phase, or a restore.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const job = await requireJob(services, vault, context.params.jobName);
      assertCancellable(job);
      await services.jobs.cancel(job.id);
      const scope = jobId(armIdOf(vault), job.id);
      const now = services.clock.now();
      const operation = await recordOperation(services.db.queries, { scope, now, vaultId: vault.id, jobId: job.id });
      return accepted(context, {
        statusPath: `${armIdOf(vault)}/backupOperations/${operation}`,
        resultPath: `${scope}/operationResults/${operation}`,
      });
    },
  });

const cancelResult = (services: Services) =>
  route({
    method: 'GET',
    path: `${JOB}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Tells whether the cancellation of a job was taken up.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const job = await requireJob(services, vault, context.params.jobName);
      const operation = await requireOperation(
        services.db.queries,
        jobId(armIdOf(vault), job.id),
        context.params.operationId,
      );
      return operationResult(context, toRecord(operation));
    },
  });

async function findJob(services: Services, vault: Vault, name: string): Promise<Job | undefined> {
  const job = await getJob(services.db.queries, name.toLowerCase());
  const isShown = job?.vaultId === vault.id && ARM_JOB_OPERATIONS.some((operation) => operation === job.operation);
  return isShown ? job : undefined;
}

/** Errors: ResourceNotFound. */
async function requireJob(services: Services, vault: Vault, name: string): Promise<Job> {
  const job = await findJob(services, vault, name);
  if (job) return job;
  throw new CodedError('ResourceNotFound', `The job '${name}' was not found in the vault '${vault.name}'.`, {
    target: 'jobName',
  });
}
