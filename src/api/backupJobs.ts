import { operationResult } from '../arm/operation.ts';
import { type ArmResult, accepted, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { getItem } from '../db/items.ts';
import { listJobs } from '../db/jobList.ts';
import { getJob } from '../db/jobs.ts';
import { CodedError } from '../lib/error.ts';
import { jobArmId, vaultArmId } from '../vault/armIds.ts';
import { ARM_JOB_OPERATIONS, type Job } from '../vault/job.ts';
import { assertCancellable, assertRetriable } from '../vault/jobRules.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { itemIdOf } from './itemPath.ts';
import { JOB_FILTER, jobQuery } from './jobFilter.ts';
import { requireVault } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { jobToWire } from './toWire/job.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupJobs';
const JOBS = `${VAULT_PATH}/backupJobs` as const;
const JOB = `${JOBS}/{jobName}` as const;

export const backupJobs = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupJobs',
    apiVersions: BACKUP_VERSIONS,
    routes: [list(services), get(services), cancel(services), retry(services), operationOf(services)],
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
      const show = (job: Job) => jobToWire(vaultArmId(vault), job, { extended: false, now: services.clock.now() });
      const { size, cursor } = context.page;
      const page = await listJobs(
        queries,
        { ...query, vaultId: vault.id },
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
      return ok(jobToWire(vaultArmId(vault), job, { extended: true, now: services.clock.now() }));
    },
  });

const cancel = (services: Services) =>
  route({
    method: 'POST',
    path: `${JOB}/cancel`,
    action: `${ACTION}/cancel/action`,
    summary: 'Cancels a backup, in either phase, or a restore.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const job = await requireJob(services, vault, context.params.jobName);
      assertCancellable(job);
      await services.jobs.cancel(job.id);
      return operationBegun(services, context, vault, { under: job.id, jobId: job.id });
    },
  });

const retry = (services: Services) =>
  route({
    method: 'POST',
    path: `${JOB}/retry`,
    action: `${ACTION}/retry/action`,
    summary: 'Asks for a backup that failed or was cancelled once more: a new job.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const job = await requireJob(services, vault, context.params.jobName);
      assertRetriable(job);
      const item = job.itemId === undefined ? undefined : await getItem(services.db.queries, job.itemId);
      // whoever retries a backup must be one who may ask for it
      const scope = item ? itemIdOf(vault, item) : vaultArmId(vault);
      await context.demand(BACK_UP, scope);
      const { objectId, name } = context.principal;
      const again = await services.jobs.retry(job.id, { objectId, name });
      return operationBegun(services, context, vault, { under: job.id, jobId: again });
    },
  });

const BACK_UP = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action';

async function operationBegun(
  services: Services,
  context: Pick<ArmContext, 'absoluteUrl'>,
  vault: Vault,
  job: { readonly under: string; readonly jobId: string },
): Promise<ArmResult> {
  const scope = jobArmId(vaultArmId(vault), job.under);
  const now = services.clock.now();
  const operation = await recordOperation(services.db.queries, { scope, now, vaultId: vault.id, jobId: job.jobId });
  return accepted(context, {
    statusPath: `${vaultArmId(vault)}/backupOperations/${operation}`,
    resultPath: `${scope}/operationResults/${operation}`,
  });
}

const operationOf = (services: Services) =>
  route({
    method: 'GET',
    path: `${JOB}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Tells whether the cancellation or the retry of a job was taken up.',
    answers: ['202 + Location', '204'],
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const job = await requireJob(services, vault, context.params.jobName);
      const operation = await requireOperation(
        services.db.queries,
        jobArmId(vaultArmId(vault), job.id),
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
