import { findGuestExtension } from '../db/guestExtensions.ts';
import { getPrunedAt } from '../db/itemSchedule.ts';
import { pointSpan } from '../db/pointSpan.ts';
import { getPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isRetentionPaused } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { protectedItemToWire } from './toWire/protectedItem.ts';
import type * as Wire from './wire/protectedItem.ts';

/** An item with its policy and newest point; `extended` also counts its points. */
export async function showItem(
  queries: Queries,
  vault: Vault,
  item: ProtectedItem,
  options: { readonly extended: boolean; readonly now: number },
): Promise<Wire.ProtectedItem> {
  const policy = item.policyId === undefined ? undefined : await getPolicy(queries, item.policyId);
  const span = await pointSpan(queries, item.id);
  const around = { vault, policy, newestPointAt: span.newest, now: options.now };
  if (!options.extended) return protectedItemToWire(item, around);
  const extension = await findGuestExtension(queries, item.resourceGroup, item.vmName);
  const prunedAt = await getPrunedAt(queries, item.id);
  const isJudgedBefore = policy !== undefined && !isRetentionPaused(item) && prunedAt !== undefined;
  const policyInconsistent = isJudgedBefore && span.count > 0 && prunedAt < policy.updatedAt;
  return protectedItemToWire(item, { ...around, extension, points: { ...span, policyInconsistent } });
}
