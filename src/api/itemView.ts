import { allPoints, listPoints } from '../db/points.ts';
import { getPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import type { Vault } from '../vault/vault.ts';
import { protectedItemToWire } from './toWire/protectedItem.ts';
import type * as Wire from './wire/protectedItem.ts';

/** An item with its policy and newest point; `extended` also counts its points, for where one item is read. */
export async function showItem(
  queries: Queries,
  vault: Vault,
  item: ProtectedItem,
  options: { readonly extended: boolean; readonly now: number },
): Promise<Wire.ProtectedItem> {
  const policy = item.policyId === undefined ? undefined : await getPolicy(queries, item.policyId);
  if (!options.extended) {
    const newest = await listPoints(queries, item.id, { restorableOnly: true }, { limit: 1 });
    return protectedItemToWire(item, { vault, policy, newestPoint: newest.values[0], now: options.now });
  }
  const points = await allPoints(queries, item.id, { restorableOnly: true });
  return protectedItemToWire(item, {
    vault,
    policy,
    newestPoint: points[0],
    points: { count: points.length, oldest: points.at(-1), oldestInVault: points.findLast(isVaulted) },
    now: options.now,
  });
}
