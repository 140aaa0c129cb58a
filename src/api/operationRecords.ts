import type { OperationRecord } from '../arm/operation.ts';
import { covers } from '../arm/scope.ts';
import { getOperation, type Operation, putOperation } from '../db/operations.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import type { JsonObject } from '../vault/json.ts';
import { requireSubscription, type VaultParams } from './lookups.ts';
import type { Services } from './services.ts';

/**
 * Records an operation that has succeeded. What takes time here is a job: the operation only tells its name,
 * so a client that polls need not wait.
 */
export async function recordOperation(
  queries: Queries,
  operation: {
    readonly scope: string;
    readonly now: number;
    readonly vaultId?: string;
    readonly jobId?: string;
    /** What the client is told instead of the job: `{objectType, jobIds}` of a change to many items. */
    readonly properties?: JsonObject;
  },
): Promise<string> {
  const { now, ...rest } = operation;
  const id = crypto.randomUUID();
  await putOperation(queries, { ...rest, id, status: 'Succeeded', startTime: now, endTime: now });
  return id;
}

/**
 * The operation of that id, if it was begun at `scope` or below it: clients ask at the vault for what was
 * handed out under an item. Errors: NotFound.
 */
export async function requireOperation(queries: Queries, scope: string, id: string): Promise<Operation> {
  const operation = await getOperation(queries, id.toLowerCase());
  if (operation && covers(scope, operation.scope)) return operation;
  throw new CodedError('NotFound', `The operation '${id}' is not known here.`, { target: id });
}

/** As the ARM room polls it. */
export function toRecord(operation: Operation): OperationRecord {
  const { id, scope, status, startTime, endTime, error, jobId, properties } = operation;
  return {
    id,
    scope,
    status,
    startTime,
    ...(endTime === undefined ? {} : { endTime }),
    ...(error === undefined ? {} : { error }),
    ...(properties === undefined ? {} : { properties }),
    ...(jobId === undefined ? {} : { properties: { objectType: 'OperationStatusJobExtendedInfo', jobId } }),
  };
}

/** As `requireOperation`, at the vault of the path; the vault itself may be gone. Errors: SubscriptionNotFound, NotFound. */
export function requireVaultOperation(
  services: Services,
  params: VaultParams & { readonly operationId: string },
): Promise<Operation> {
  requireSubscription(services, params.subscriptionId);
  const scope = vaultArmId({
    subscriptionId: params.subscriptionId,
    resourceGroup: params.resourceGroupName,
    name: params.vaultName,
  });
  return requireOperation(services.db.queries, scope, params.operationId);
}
