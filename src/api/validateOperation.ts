import { type Static, Type } from 'typebox';
import { operationResult, operationStatus } from '../arm/operation.ts';
import { accepted, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { JsonObject } from '../vault/json.ts';
import { assertCanRestore } from '../vault/protection.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED } from './body/resourceBody.ts';
import { RESTORE_PROPERTIES } from './body/restoreRequest.ts';
import { findPathItem } from './itemPath.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import { recordOperation, requireOperation, toRecord } from './operationRecords.ts';
import { VAULT_PATH } from './paths.ts';
import { requirePoint } from './recoveryPoints.ts';
import { problemsOfRestore } from './restorePlan.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults';
const KIND = 'ValidateIaasVMRestoreOperationRequest';

const PROPERTIES = Type.Object({
  objectType: Type.Enum([KIND, 'ValidateRestoreOperationRequest']),
  restoreRequest: RESTORE_PROPERTIES,
});
/** SDKs send it as a resource with the point's id beside it; the synchronous call of older ones without. */
const BODY = Type.Object({
  id: Type.Optional(Type.Union([Type.String({ maxLength: 2048 }), Type.Null()])),
  properties: Type.Optional(PROPERTIES),
  objectType: IGNORED,
  restoreRequest: Type.Optional(RESTORE_PROPERTIES),
});

/** Says what would keep a restore from being begun, without beginning it. */
export const validateOperation = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupValidateOperation',
    apiVersions: BACKUP_VERSIONS,
    routes: [
      route({
        method: 'POST',
        path: `${VAULT_PATH}/backupValidateOperation`,
        action: `${ACTION}/backupValidateOperation/action`,
        summary: 'Checks a restore request, and answers what is wrong with it.',
        body: BODY,
        handler: async (context) => ok(await validate(services, context)),
      }),
      route({
        method: 'POST',
        path: `${VAULT_PATH}/backupTriggerValidateOperation`,
        action: `${ACTION}/backupTriggerValidateOperation/action`,
        summary: 'Checks a restore request as an operation that is polled.',
        answers: ['202 + Azure-AsyncOperation + Location'],
        body: BODY,
        async handler(context) {
          const vault = await requireVault(services, context.params);
          const found = await validate(services, context);
          const properties = { objectType: 'ValidateOperationResponse', ...found } as unknown as JsonObject;
          const scope = vaultArmId(vault);
          const now = services.clock.now();
          const id = await recordOperation(services.db.queries, { scope, now, vaultId: vault.id, properties });
          return accepted(context, {
            statusPath: `${scope}/backupValidateOperationsStatuses/${id}`,
            resultPath: `${scope}/backupValidateOperationResults/${id}`,
          });
        },
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupValidateOperationResults/{operationId}`,
        action: `${ACTION}/backupValidateOperationResults/read`,
        summary: 'Gets what was found wrong with a restore request.',
        async handler(context) {
          const record = await find(services, context.params);
          const { validateOperationResponse } = record.properties ?? {};
          return operationResult(context, record, ok({ validateOperationResponse }));
        },
      }),
      route({
        method: 'GET',
        path: `${VAULT_PATH}/backupValidateOperationsStatuses/{operationId}`,
        action: `${ACTION}/backupValidateOperationsStatuses/read`,
        summary: 'Gets the status of the check of a restore request.',
        handler: async (context) => operationStatus(context, await find(services, context.params)),
      }),
    ],
  });

type Body = Static<typeof BODY>;

async function validate(
  services: Services,
  context: Pick<ArmContext<VaultParams, Body>, 'params' | 'body' | 'demand' | 'signal'>,
) {
  const { body, params } = context;
  const request = body.properties?.restoreRequest ?? body.restoreRequest;
  if (!request) throw missing('properties.restoreRequest', 'the restore that is to be checked');
  const vault = await requireVault(services, params);
  const path = POINT_ID.exec(body.id ?? request.recoveryPointId ?? '');
  if (!path) throw missing('id', 'the ARM id of the recovery point');
  const [, vaultPart = '', fabricName = '', containerName = '', protectedItemName = '', pointId = ''] = path;
  if (vaultPart.toLowerCase() !== vaultArmId(vault).toLowerCase())
    throw missing('id', 'the id of a point of this vault');
  const found = await findPathItem(services, { ...params, fabricName, containerName, protectedItemName });
  const problems: CodedError[] = [];
  try {
    assertCanRestore(found.item);
    const point = await requirePoint(services, found, pointId);
    const asked = { ...found, services, context, point, request, regions: [vault.location], isCrossRegion: false };
    problems.push(...(await problemsOfRestore(asked)));
  } catch (error) {
    if (!(error instanceof CodedError) || error.code === 'AuthorizationFailed') throw error;
    problems.push(error);
  }
  return {
    validateOperationResponse: {
      validationResults: problems.map(({ code, message, recommendations }) => ({ code, message, recommendations })),
    },
  };
}

const POINT_ID =
  /^(.*)\/backupFabrics\/([^/]+)\/protectionContainers\/([^/]+)\/protectedItems\/([^/]+)\/recoveryPoints\/([^/]+)\/?$/i;

const find = async (services: Services, params: VaultParams & { readonly operationId: string }) => {
  const vault = await requireVault(services, params);
  return toRecord(await requireOperation(services.db.queries, vaultArmId(vault), params.operationId));
};

const missing = (field: string, what: string): CodedError =>
  new CodedError('BadRequest', `${field} is needed: ${what}.`, { target: field });
