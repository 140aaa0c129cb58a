import { type Static, Type } from 'typebox';
import { operationResult, operationStatus } from '../arm/operation.ts';
import { accepted, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type Route, type RouteTable, route } from '../arm/route.ts';
import { getItem } from '../db/items.ts';
import { listJobs } from '../db/jobList.ts';
import { getJob } from '../db/jobs.ts';
import { getPoint } from '../db/points.ts';
import { getVault } from '../db/vaults.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { Job } from '../vault/job.ts';
import { shortContainerName } from '../vault/names.ts';
import { assertCanRestore } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { RESTORE_PROPERTIES } from './body/restoreRequest.ts';
import { GRANT_LIFETIME_MS, openGrant, sealGrant } from './crossRegion/accessToken.ts';
import { onSecondary, requireSecondary } from './crossRegion/secondary.ts';
import { parseVaultId } from './ids.ts';
import { findPathItem, itemIdOf } from './itemPath.ts';
import { JOB_FILTER, jobQuery } from './jobFilter.ts';
import { normalLocation } from './locations.ts';
import { requireSubscription, requireVault } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { ITEM_PATH } from './paths.ts';
import { requirePoint } from './recoveryPoints.ts';
import { planRestore } from './restorePlan.ts';
import type { Services } from './services.ts';
import { jobToWire } from './toWire/job.ts';

const PROVIDER = 'Microsoft.RecoveryServices';
const REGION = `/subscriptions/{subscriptionId}/providers/${PROVIDER}/locations/{azureRegion}` as const;
const ACTION = `${PROVIDER}/locations` as const;
const POINT_ACTION = `${PROVIDER}/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints` as const;

/** Restores from a vault's copy in its second region, as clients of Azure's "cross region restore" ask for them. */
export const crossRegionRestore = (services: Services): RouteTable =>
  defineRoutes({
    type: `${PROVIDER}/locations/backupCrossRegionRestore`,
    apiVersions: BACKUP_VERSIONS,
    routes: [
      aadProperties(services),
      accessToken(services),
      begin(services),
      ...operations(services),
      ...jobs(services),
    ],
  });

const aadProperties = (services: Services): Route =>
  route({
    method: 'GET',
    path: `${REGION}/backupAadProperties`,
    action: `${ACTION}/backupAadProperties/read`,
    summary: 'Tells whom clients get their tokens from for the second region: as for the first.',
    filter: { backupManagementType: 'string' },
    handler({ params, baseUrl, path }) {
      requireSubscription(services, params.subscriptionId);
      const { tenantId } = services.config;
      return ok({
        id: path,
        name: 'backupAadProperties',
        type: `${ACTION}/backupAadProperties`,
        properties: {
          tenantId,
          authority: `${baseUrl}/${tenantId}`,
          audience: baseUrl,
          servicePrincipalClientId: NO_PRINCIPAL,
          servicePrincipalObjectId: NO_PRINCIPAL,
        },
      });
    },
  });

/** The server is not a principal of its own. */
const NO_PRINCIPAL = '00000000-0000-0000-0000-000000000000';

const accessToken = (services: Services): Route =>
  route({
    method: 'POST',
    path: `${ITEM_PATH}/recoveryPoints/{recoveryPointId}/accessToken`,
    action: `${POINT_ACTION}/accessToken/action`,
    summary: 'Gives a token for the restore of a recovery point from the second region.',
    async handler({ params, principal, path }) {
      const found = await findPathItem(services, params);
      const { vault, item } = found;
      const secondary = await requireSecondary(services, vault);
      const point = onSecondary(secondary, await requirePoint(services, found, params.recoveryPointId));
      if (!point) throw notCopied(params.recoveryPointId);
      const grant = { vaultId: vault.id, itemId: item.id, pointId: point.id, principalId: principal.objectId };
      return ok({
        id: path,
        name: 'accessToken',
        type: `${PROVIDER}/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/accessToken`,
        properties: {
          objectType: 'CrrAccessToken',
          accessTokenString: sealGrant({ ...grant, expiresAt: services.clock.now() + GRANT_LIFETIME_MS }),
          subscriptionId: vault.subscriptionId,
          resourceGroupName: vault.resourceGroup,
          resourceName: vault.name,
          resourceId: vaultArmId(vault),
          recoveryPointId: point.id,
          recoveryPointTime: isoTime(point.takenAt),
          containerName: shortContainerName(item),
          containerType: 'IaasVMContainer',
          backupManagementType: 'AzureIaasVM',
          datasourceType: 'VM',
          datasourceName: item.vmName,
          datasourceId: item.sourceResourceId,
          datasourceContainerName: item.vmName,
          protectionContainerId: 0,
          rpOriginalSAOption: false,
          rpIsManagedVirtualMachine: true,
          rpTierInformation: {},
          bMSActiveRegion: vault.location,
        },
      });
    },
  });

const RESTORE_BODY = Type.Object({
  crossRegionRestoreAccessDetails: Type.Object({ accessTokenString: Type.String({ maxLength: 4096 }) }),
  restoreRequest: RESTORE_PROPERTIES,
});

const begin = (services: Services): Route =>
  route({
    method: 'POST',
    path: `${REGION}/backupCrossRegionRestore`,
    action: `${ACTION}/backupCrossRegionRestore/action`,
    summary: 'Restores a recovery point from the second region.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    body: RESTORE_BODY,
    async handler(context) {
      const { params, principal } = context;
      requireSubscription(services, params.subscriptionId);
      const jobId = await beginRestore(services, context, params.azureRegion);
      const scope = regionScope(services, params.azureRegion);
      const operation = await recordOperation(services.db.queries, { scope, now: services.clock.now(), jobId });
      context.log.info({ principal: principal.objectId, jobId }, 'a restore from the second region was begun');
      return accepted(context, {
        statusPath: `${scope}/backupCrrOperationsStatus/${operation}`,
        resultPath: `${scope}/backupCrrOperationResults/${operation}`,
      });
    },
  });

type BeginContext = Pick<ArmContext, 'principal' | 'demand' | 'signal'> & {
  readonly body: Static<typeof RESTORE_BODY>;
};

/** The job's id. The token says what is restored; the role is asked again, as it may have gone meanwhile. */
async function beginRestore(services: Services, context: BeginContext, region: string): Promise<string> {
  const { body, principal } = context;
  const { accessTokenString } = body.crossRegionRestoreAccessDetails;
  const grant = openGrant(accessTokenString, principal.objectId, services.clock.now());
  const { queries } = services.db;
  const [vault, item] = [await getVault(queries, grant.vaultId), await getItem(queries, grant.itemId)];
  const found = await getPoint(queries, grant.itemId, grant.pointId);
  if (!vault || !item || !found) throw notCopied(grant.pointId);
  const id = itemIdOf(vault, item);
  await context.demand(`${POINT_ACTION}/restore/action`, `${id}/recoveryPoints/${grant.pointId}`);
  const secondary = await requireSecondary(services, vault);
  if (normalLocation(region) !== secondary.region) throw wrongRegion(region, vault, secondary.region);
  assertCanRestore(item);
  const point = onSecondary(secondary, found);
  if (!point) throw notCopied(grant.pointId);
  const regions = [secondary.region, vault.location];
  const request = body.restoreRequest;
  const asked = { services, context, vault, item, id, point, request, regions, isCrossRegion: true };
  const target = await planRestore(asked);
  const by = { objectId: principal.objectId, name: principal.name };
  return services.jobs.requestRestore(item.id, point.id, target, by);
}

const operations = (services: Services): readonly Route[] => [
  route({
    method: 'GET',
    path: `${REGION}/backupCrrOperationsStatus/{operationId}`,
    action: `${ACTION}/backupCrrOperationsStatus/read`,
    summary: 'Gets the status of a restore from the second region.',
    handler: async (context) => operationStatus(context, await operationOf(services, context.params)),
  }),
  route({
    method: 'GET',
    path: `${REGION}/backupCrrOperationResults/{operationId}`,
    action: `${ACTION}/backupCrrOperationResults/read`,
    summary: 'Tells whether a restore from the second region was begun.',
    answers: ['200', '202 + Location'],
    handler: async (context) => operationResult(context, await operationOf(services, context.params), { status: 200 }),
  }),
];

const JOB_BODY = Type.Object({ resourceId: Type.String({ maxLength: 2048 }), jobName: Type.String({ maxLength: 64 }) });
const JOBS_BODY = Type.Object({ resourceId: Type.String({ maxLength: 2048 }), jobName: IGNORED });

const jobs = (services: Services): readonly Route[] => [
  route({
    method: 'POST',
    path: `${REGION}/backupCrrJob`,
    action: `${ACTION}/backupCrrJob/action`,
    summary: 'Gets a job of the second region.',
    body: JOB_BODY,
    async handler(context) {
      const vault = await vaultOf(services, context, context.body.resourceId);
      const job = await getJob(services.db.queries, context.body.jobName.toLowerCase());
      if (job?.vaultId === vault.id && job.operation === 'CrossRegionRestore')
        return ok(jobToWire(vaultArmId(vault), job, { extended: true, now: services.clock.now() }));
      throw new CodedError('ResourceNotFound', `The vault '${vault.name}' has no such job in its second region.`, {
        target: 'jobName',
      });
    },
  }),
  route({
    method: 'POST',
    path: `${REGION}/backupCrrJobs`,
    action: `${ACTION}/backupCrrJobs/action`,
    summary: 'Lists the jobs of the second region, newest first.',
    filter: JOB_FILTER,
    body: JOBS_BODY,
    async handler(context) {
      const vault = await vaultOf(services, context, context.body.resourceId);
      const query = jobQuery(context.filter);
      if (!query?.operations?.includes('CrossRegionRestore')) return context.list([]);
      const { size, cursor } = context.page;
      const where = { ...query, operations: ['CrossRegionRestore' as const], vaultId: vault.id };
      const page = await listJobs(services.db.queries, where, {
        limit: size,
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      const show = (job: Job) => jobToWire(vaultArmId(vault), job, { extended: false, now: services.clock.now() });
      return context.list(page.values.map(show), page.next);
    },
  }),
];

/** Errors: BadRequest, AuthorizationFailed, those of `requireVault`. */
async function vaultOf(services: Services, { demand }: Pick<ArmContext, 'demand'>, id: string): Promise<Vault> {
  const parts = parseVaultId(id);
  if (!parts)
    throw new CodedError('BadRequest', `resourceId is '${id}', which is not the id of a vault.`, {
      target: 'resourceId',
    });
  await demand(`${PROVIDER}/Vaults/backupJobs/read`, id);
  const { subscription: subscriptionId, resourceGroup: resourceGroupName, name: vaultName } = parts;
  return requireVault(services, { subscriptionId, resourceGroupName, vaultName });
}

const regionScope = ({ config }: Services, region: string): string =>
  `/subscriptions/${config.subscriptionId}/providers/${PROVIDER}/locations/${normalLocation(region)}`;

const operationOf = async (
  services: Services,
  params: { readonly subscriptionId: string; readonly azureRegion: string; readonly operationId: string },
) => {
  requireSubscription(services, params.subscriptionId);
  return toRecord(
    await requireOperation(services.db.queries, regionScope(services, params.azureRegion), params.operationId),
  );
};

const notCopied = (pointId: string): CodedError =>
  new CodedError('ResourceNotFound', `The recovery point '${pointId}' is not in the second region.`, {
    target: 'recoveryPointId',
    recommendations: ['Points get there with the next replication after their transfer to the vault.'],
  });

const wrongRegion = (region: string, vault: Vault, paired: string): CodedError =>
  new CodedError(
    'CrossRegionRestoreNotSupported',
    `The vault '${vault.name}' in '${vault.location}' is restored from in '${paired}', not in '${region}'.`,
    { target: 'azureRegion' },
  );
