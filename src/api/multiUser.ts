import type { Action, ArmContext } from '../arm/route.ts';
import { findArmResource } from '../db/armResources.ts';
import type { Queries } from '../db/schema.ts';
import { getVault } from '../db/vaults.ts';
import { spendVaultToken } from '../db/vaultTokens.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { type CriticalOperation, GUARDED_OPERATIONS, requestIdOf, watchedOperations } from '../vault/resourceGuard.ts';
import type { GuardLink, Vault } from '../vault/vault.ts';

export type { CriticalOperation } from '../vault/resourceGuard.ts';

type Caller = Pick<ArmContext, 'can' | 'principal'>;

/** Of the guards, in Azure's spelling. */
export const GUARD_ACTION = 'Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards';

/** What a consent to an operation asks of the caller at the guard. */
export const approveAction = (operation: CriticalOperation): Action =>
  `${GUARD_ACTION}/${GUARDED_OPERATIONS[operation].requests}/approve/action`;

/**
 * Called before a critical operation, inside its transaction; a vault without a guard lets it pass, and so does a guard
 * that leaves the operation out. `requests`: the body's `resourceGuardOperationRequests`. A DELETE has no body: its
 * caller has unlocked the path before (`unlockDelete`), and the consent is spent here.
 * Errors: BMSUserErrorResourceGuardOperationRequired (no or another request), AuthorizationFailed (no role on the guard).
 */
export async function demandSecondConsent(
  tx: Queries,
  context: Caller & Pick<ArmContext, 'path' | 'requestedAt'>,
  vault: Vault,
  operation: CriticalOperation,
  requests: readonly string[] | undefined,
): Promise<void> {
  const guard = await guardOver(tx, vault, operation);
  if (!guard) return;
  if (isEmpty(requests) && DELETIONS.includes(operation)) {
    const subject = unlockSubject(context.principal.objectId, context.path);
    if (await spendVaultToken(tx, { vaultId: vault.id, kind: 'unlock', subject }, context.requestedAt)) return;
  }
  await requireConsent(context, vault, guard, operation, requests);
}

const DELETIONS: readonly CriticalOperation[] = ['deleteProtection', 'removeGuard'];

/** The vault's guard, if it watches over this operation; read anew: it decides. A guard that is gone watches over all. */
export async function guardOver(
  tx: Queries,
  vault: Vault,
  operation: CriticalOperation,
): Promise<GuardLink | undefined> {
  const link = (await getVault(tx, vault.id))?.guard;
  if (!link) return undefined;
  const guard = await findArmResource(tx, link.guardId);
  return watchedOperations(exclusionsOf(guard?.properties)).includes(operation) ? link : undefined;
}

export const exclusionsOf = (properties: Readonly<Record<string, unknown>> | undefined): readonly string[] =>
  (properties?.vaultCriticalOperationExclusionList as readonly string[] | undefined) ?? [];

/** Errors: BMSUserErrorResourceGuardOperationRequired, AuthorizationFailed. */
export async function requireConsent(
  { can, principal }: Caller,
  vault: Vault,
  { guardId }: GuardLink,
  operation: CriticalOperation,
  requests: readonly string[] | undefined,
): Promise<void> {
  const wanted = requestIdOf(guardId, operation);
  if (!requests?.some((request) => request.toLowerCase() === wanted.toLowerCase()))
    throw noRequest(vault, wanted, requests);
  if (await can(approveAction(operation), guardId)) return;
  throw new CodedError(
    'AuthorizationFailed',
    `The client '${principal.name}' with object id '${principal.objectId}' does not have authorization to perform action '${approveAction(operation)}' over scope '${guardId}'.`,
    {
      target: guardId,
      recommendations: ["Ask the keeper of the resource guard for the role 'Backup MUA Operator' on it, for a while."],
    },
  );
}

const noRequest = (vault: Vault, wanted: string, given: readonly string[] | undefined): CodedError => {
  const why = isEmpty(given)
    ? 'ResourceGuard Operation requestid is either null or empty.'
    : `ResourceGuard Operation requestid '${given?.[0]?.slice(0, 512)}' is not the one of this operation.`;
  return new CodedError(
    'BMSUserErrorResourceGuardOperationRequired',
    `${why} The vault '${vault.name}' is protected by a resource guard: resourceGuardOperationRequests must hold '${wanted}'.`,
    {
      target: 'resourceGuardOperationRequests',
      recommendations: [
        `Name the request; before a DELETE send it to '${vaultArmId(vault)}/backupResourceGuardProxies/{name}/unlockDelete'.`,
      ],
    },
  );
};

const isEmpty = (requests: readonly string[] | undefined): boolean =>
  requests === undefined || requests.every((request) => request === '');

/** Who may delete what. */
export const unlockSubject = (objectId: string, resource: string): string =>
  `${objectId} ${resource.toLowerCase().replace(/\/+$/, '')}`;
