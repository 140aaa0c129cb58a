import { createHash, randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { accepted, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { getJobExport, openJobExport, putJobExport } from '../db/jobExports.ts';
import type { JobFilter } from '../db/jobList.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { JOB_FILTER, jobQuery } from './jobFilter.ts';
import { requireVault } from './lookups.ts';
import { recordOperation, requireOperation } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';
/** As long as Azure's key holds good. */
const KEY_LIFETIME_MS = 15 * 60_000;
const QUERY = Type.Object({ format: Type.Optional(Type.Enum(['json', 'csv'])) });

/** Exports of job lists: the jobs are read when the file is downloaded (jobDownloads.ts), nothing is stored. */
export const backupJobsExport = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupJobsExport',
    apiVersions: BACKUP_VERSIONS,
    routes: [exportJobs(services), result(services)],
  });

const exportJobs = (services: Services) =>
  route({
    method: 'POST',
    path: `${VAULT_PATH}/backupJobsExport`,
    action: `${ACTION}/backupJobsExport/action`,
    summary: 'Exports the jobs that the filter names, as JSON or, with `format=csv`, for a spreadsheet.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    filter: JOB_FILTER,
    query: QUERY,
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const scope = vaultArmId(vault);
      const now = services.clock.now();
      const filter: JobFilter = { ...(jobQuery(context.filter) ?? { id: '' }), vaultId: vault.id };
      const id = await services.db.transaction(async (tx) => {
        const operation = await recordOperation(tx, { scope, now, vaultId: vault.id });
        const format = context.query.format ?? 'json';
        const made = { id: operation, vaultId: vault.id, vaultArmId: scope, filter, format };
        await putJobExport(tx, made, now + KEY_LIFETIME_MS);
        return operation;
      });
      return accepted(context, {
        statusPath: `${scope}/backupOperations/${id}`,
        resultPath: `${scope}/backupJobs/operationResults/${id}`,
      });
    },
  });

const result = (services: Services) =>
  route({
    method: 'GET',
    path: `${VAULT_PATH}/backupJobs/operationResults/{operationId}`,
    action: `${ACTION}/backupJobs/operationResults/read`,
    summary: 'Tells where an export of jobs can be downloaded, once and for 15 minutes; each call makes a new key.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const { id } = await requireOperation(services.db.queries, vaultArmId(vault), context.params.operationId);
      const key = randomBytes(32).toString('base64url');
      const expiresAt = services.clock.now() + KEY_LIFETIME_MS;
      await openJobExport(services.db.queries, id, { keyHash: exportKeyHash(key), expiresAt });
      const made = await getJobExport(services.db.queries, id);
      const url = `${context.baseUrl}/jobExports/${id}/jobs.${made?.format ?? 'json'}`;
      return ok({
        operation: { objectType: 'ExportJobsOperationResultInfo', blobUrl: url, blobSasKey: `?sig=${key}` },
      });
    },
  });

/** What is kept of a download's key. */
export const exportKeyHash = (key: string): string => createHash('sha256').update(key).digest('hex');
