import { countItems } from '../db/itemList.ts';
import { getItem, updateItem } from '../db/items.ts';
import { type LockRecord, locksAt } from '../db/locks.ts';
import { findResourceGroup, putResourceGroup } from '../db/resourceGroups.ts';
import type { Queries } from '../db/schema.ts';
import { getVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { resourceArmId } from '../vault/armIds.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { collectionName, MACHINES_IN_GROUP, snapshotGroupName } from '../vault/snapshotGroup.ts';
import type { Vault } from '../vault/vault.ts';

/**
 * The resource group in which the snapshots of an item are shown, made when its first one is taken: the first of
 * `{prefix}{n}{suffix}` that has room. An item stays in its group, also when its policy names others later.
 */
export async function placeInSnapshotGroup(
  tx: Queries,
  itemId: string,
  policy: Policy | undefined,
  now: number,
): Promise<void> {
  const item = await getItem(tx, itemId);
  const vault = item && (await getVault(tx, item.vaultId));
  if (!item || !vault) return;
  const name = item.snapshotGroup ?? (await groupWithRoom(tx, vault, policy));
  if (item.snapshotGroup === undefined) await updateItem(tx, { ...item, snapshotGroup: name });
  const { subscriptionId, location } = vault;
  if (await findResourceGroup(tx, subscriptionId, name)) return;
  const managedBy = `/subscriptions/${subscriptionId}/providers/Microsoft.RecoveryServices/`;
  await putResourceGroup(tx, { subscriptionId, name, location, tags: {}, managedBy, createdAt: now });
}

/** Locks that keep snapshots of the item from being let go. */
export async function locksOnSnapshots(db: Queries, item: ProtectedItem): Promise<readonly LockRecord[]> {
  if (item.snapshotGroup === undefined) return [];
  const vault = await getVault(db, item.vaultId);
  return vault === undefined ? [] : locksAt(db, collectionScope(vault, item, item.snapshotGroup));
}

/** In the words of a warning: which locks, and what they do. */
export const heldByLocks = (item: ProtectedItem, locks: readonly LockRecord[]): string =>
  `expired snapshots of '${item.vmName}' stay on the host, because of ${names(locks)} on the resource group '${item.snapshotGroup}'; delete the lock, and they go within the hour`;

/** Errors: ScopeLocked when a ReadOnly lock stands on the group: no snapshot may be added. */
export async function assertSnapshotsAllowed(db: Queries, item: ProtectedItem): Promise<void> {
  const locks = (await locksOnSnapshots(db, item)).filter(({ level }) => level === 'ReadOnly');
  if (locks.length === 0) return;
  throw new CodedError(
    'ScopeLocked',
    `No snapshot of '${item.vmName}' can be taken: ${names(locks)} (ReadOnly) stands on the resource group '${item.snapshotGroup}', which holds them.`,
    {
      ...(item.snapshotGroup === undefined ? {} : { target: item.snapshotGroup }),
      recommendations: ['Delete the lock, or make it CanNotDelete: then backups run, and expired snapshots stay.'],
    },
  );
}

const names = (locks: readonly LockRecord[]): string =>
  locks.map(({ name, level }) => `the ${level} lock '${name}'`).join(' and ');

const collectionScope = ({ subscriptionId }: Vault, item: ProtectedItem, group: string): string =>
  resourceArmId(subscriptionId, group, 'Microsoft.Compute/restorePointCollections', collectionName(item));

async function groupWithRoom(tx: Queries, vault: Vault, policy: Policy | undefined): Promise<string> {
  for (let number = 1; ; number += 1) {
    const name = snapshotGroupName(policy, vault.location, number);
    if ((await countItems(tx, { snapshotGroup: name })) < MACHINES_IN_GROUP) return name;
  }
}
