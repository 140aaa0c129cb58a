import type { ArmResource } from '../../db/armResources.ts';
import type { StagingTarget } from '../../jobs/restoreTarget.ts';
import { CodedError } from '../../lib/error.ts';
import { groupArmId } from '../../vault/armIds.ts';
import type { RestoreProperties } from '../body/restoreRequest.ts';
import { normalLocation } from '../locations.ts';
import { requireGroup } from '../lookups.ts';
import { checkLuns } from '../restoreTarget.ts';
import { findStorageAccountById } from '../storageAccount.ts';
import type { RestoreAsked } from './asked.ts';
import { targetGroupOf } from './targetIds.ts';

/** Errors: UserErrorStagingAccountInvalid, those of the target group, AuthorizationFailed. */
export async function checkStaging(asked: RestoreAsked): Promise<void> {
  if (asked.request.strongroom) return;
  await requireStagingAccount(asked);
  if (wantsManagedDisks(asked.request)) await requireTargetGroup(asked);
}

/** What `checkStaging` has let pass, as the job takes it. */
export async function stagingTarget(asked: RestoreAsked): Promise<StagingTarget> {
  const { services, request, point } = asked;
  const account = await requireStagingAccount(asked);
  const managed = wantsManagedDisks(request) ? await requireTargetGroup(asked) : undefined;
  const { subscriptionId } = services.config;
  return {
    kind: 'staging',
    account: account.name,
    accountId: account.id,
    endpoint: services.storage.endpointOf(account.name),
    resourceGroup: managed ?? account.resourceGroup,
    ...(managed === undefined
      ? {}
      : { managedDisks: { subscriptionId, resourceGroup: managed, location: asked.vault.location } }),
    ...checkLuns(
      request.restoreDiskLunList ?? undefined,
      point.disks.map(({ lun }) => lun),
    ),
  };
}

const wantsManagedDisks = ({ targetResourceGroupId, restoreWithManagedDisks }: RestoreProperties): boolean =>
  restoreWithManagedDisks === true || (restoreWithManagedDisks !== false && targetResourceGroupId != null);

async function requireStagingAccount({ services, context, request, regions }: RestoreAsked): Promise<ArmResource> {
  const other = request.identityBasedRestoreDetails?.targetStorageAccountId;
  const id = request.storageAccountId ?? (typeof other === 'string' ? other : undefined);
  if (id === undefined)
    throw invalid('The request names no storage account for the disks.', [
      "Name one in 'properties.storageAccountId', or a place of this server in 'properties.strongroom': {targetFolder} or {imageHost, machineName}.",
    ]);
  await context.demand('Microsoft.Storage/storageAccounts/write', id);
  const account = await findStorageAccountById(services, id);
  if (!account)
    throw invalid(`There is no storage account '${id}' here.`, [
      "Make one with 'az storage account create' in the vault's region.",
    ]);
  if (!regions.some((region) => normalLocation(region) === normalLocation(account.location ?? '')))
    throw invalid(
      `Storage account location should be same as vault location: '${account.name}' is in '${account.location}', the restore in '${regions.join("' or '")}'.`,
      ["Name a storage account of the vault's region."],
    );
  return account;
}

/** The group's name. Errors: BadRequest, ResourceGroupNotFound, AuthorizationFailed, those of the subscription. */
async function requireTargetGroup(asked: RestoreAsked): Promise<string> {
  const { services, context, request } = asked;
  const id = request.targetResourceGroupId;
  if (id == null)
    throw new CodedError('BadRequest', 'restoreWithManagedDisks needs targetResourceGroupId: the group of the disks.', {
      target: 'properties.targetResourceGroupId',
    });
  const { subscriptionId, name: resourceGroupName } = targetGroupOf(asked, id);
  await context.demand('Microsoft.Compute/disks/write', groupArmId(subscriptionId, resourceGroupName));
  return (await requireGroup(services, { subscriptionId, resourceGroupName }, context.signal)).name;
}

const invalid = (message: string, recommendations: readonly string[]): CodedError =>
  new CodedError('UserErrorStagingAccountInvalid', message, { target: 'properties.storageAccountId', recommendations });
