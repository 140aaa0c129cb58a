import { findItem } from '../db/items.ts';
import { findPolicy } from '../db/policies.ts';
import { findResourceGroup } from '../db/resourceGroups.ts';
import type { Queries } from '../db/schema.ts';
import { findVault, getVault } from '../db/vaults.ts';
import { CodedError, type ErrorOptions } from '../lib/error.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { sameName } from './ids.ts';
import { listMachines } from './machines.ts';
import type { Services } from './services.ts';

export interface GroupView {
  /** As it was first spelled. */
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Id of the operation that deletes it, or failed to. */
  readonly deleting?: string;
}

/** Errors: SubscriptionNotFound. */
export function requireSubscription({ config }: Pick<Services, 'config'>, subscriptionId: string): void {
  if (sameName(subscriptionId, config.subscriptionId)) return;
  throw new CodedError('SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`, {
    target: 'subscriptionId',
  });
}

/** A group that was made, or in which a machine lies. */
export async function findGroup(
  services: Services,
  name: string,
  signal?: AbortSignal,
): Promise<GroupView | undefined> {
  const made = await findResourceGroup(services.db.queries, services.config.subscriptionId, name);
  if (made) return made;
  const machines = await listMachines(services, signal);
  const machine = machines.find((other) => sameName(other.resourceGroup, name));
  return machine && { name: machine.resourceGroup, location: services.config.location, tags: {} };
}

/** Errors: SubscriptionNotFound, ResourceGroupNotFound. */
export async function requireGroup(services: Services, params: GroupParams, signal?: AbortSignal): Promise<GroupView> {
  requireSubscription(services, params.subscriptionId);
  const group = await findGroup(services, params.resourceGroupName, signal);
  if (group) return group;
  throw new CodedError('ResourceGroupNotFound', `Resource group '${params.resourceGroupName}' could not be found.`, {
    target: 'resourceGroupName',
  });
}

/** As `requireGroup`, where something is to be made. Errors: also ResourceGroupBeingDeleted. */
export async function requireOpenGroup(
  services: Services,
  params: GroupParams,
  signal?: AbortSignal,
): Promise<GroupView> {
  const group = await requireGroup(services, params, signal);
  requireOpen(services, group);
  return group;
}

/** Errors: ResourceGroupBeingDeleted. */
export function requireOpen({ work }: Pick<Services, 'work'>, group: GroupView): void {
  if (group.deleting === undefined || !work.isRunning(group.deleting)) return;
  throw new CodedError(
    'ResourceGroupBeingDeleted',
    `The resource group '${group.name}' is in deprovisioning state and cannot perform this operation.`,
    { target: group.name },
  );
}

export interface GroupParams {
  readonly subscriptionId: string;
  readonly resourceGroupName: string;
}

export interface VaultParams extends GroupParams {
  readonly vaultName: string;
}

/**
 * `queries`: those of a transaction, where the answer decides. Errors: SubscriptionNotFound, ResourceGroupNotFound (only
 * outside of a transaction: hosts are asked for it), ResourceNotFound.
 */
export async function requireVault(
  services: Services,
  params: VaultParams,
  queries: Queries = services.db.queries,
): Promise<Vault> {
  requireSubscription(services, params.subscriptionId);
  const vault = await findVault(queries, params.subscriptionId, params.resourceGroupName, params.vaultName);
  if (vault) return vault;
  if (queries === services.db.queries) await requireGroup(services, params);
  throw resourceNotFound('Microsoft.RecoveryServices/vaults', params.vaultName, params.resourceGroupName);
}

/** In a transaction: a vault that was read before it, as it is now. Errors: ResourceNotFound (deleted meanwhile). */
export async function vaultNow(tx: Queries, vault: Vault): Promise<Vault> {
  const now = await getVault(tx, vault.id);
  if (now && !now.softDelete) return now;
  throw resourceNotFound('Microsoft.RecoveryServices/vaults', vault.name, vault.resourceGroup);
}

export const resourceNotFound = (
  type: string,
  name: string,
  resourceGroup: string,
  why: Pick<ErrorOptions, 'details' | 'recommendations'> = {},
): CodedError =>
  new CodedError(
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    { target: `${type}/${name}`, ...why },
  );

/** Errors: ResourceNotFound. */
export async function requirePolicy(queries: Queries, vault: Vault, name: string): Promise<Policy> {
  const policy = await findPolicy(queries, vault.id, name);
  if (policy) return policy;
  throw resourceNotFound(
    'Microsoft.RecoveryServices/vaults/backupPolicies',
    `${vault.name}/${name}`,
    vault.resourceGroup,
  );
}

/** Errors: ResourceNotFound. */
export async function requireItem(
  queries: Queries,
  vault: Vault,
  machine: { readonly resourceGroup: string; readonly vmName: string },
): Promise<ProtectedItem> {
  const item = await findItem(queries, vault.id, machine.resourceGroup, machine.vmName);
  if (item) return item;
  throw resourceNotFound(
    'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
    `${vault.name}/Azure/${machine.resourceGroup};${machine.vmName}`,
    vault.resourceGroup,
  );
}
