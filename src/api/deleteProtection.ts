import type { ArmContext } from '../arm/route.ts';
import { raiseAlert } from '../db/alerts.ts';
import { updateItem } from '../db/items.ts';
import { allPoints } from '../db/points.ts';
import { getPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { isoTime } from '../lib/clock.ts';
import type { Policy } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { softDeleteItem } from '../vault/protection.ts';
import { isRestorable } from '../vault/recoveryPoint.ts';
import { decideSnapshots, decideVaulted } from '../vault/retention.ts';
import type { Vault } from '../vault/vault.ts';
import type { Configured } from './configureProtection.ts';
import { recordDoneChange } from './itemOperation.ts';
import { demandSecondConsent } from './multiUser.ts';
import { assertRoom } from './protectability.ts';
import type { Services } from './services.ts';

/**
 * Stops protection and schedules the data for deletion, with job and alert.
 * Errors: those of `softDeleteItem`, `demandSecondConsent` and `assertRoom`.
 */
export async function deleteProtection(
  services: Services,
  context: Pick<ArmContext, 'principal' | 'can' | 'path' | 'requestedAt'>,
  vault: Vault,
  before: ProtectedItem,
  tx: Queries,
): Promise<Configured> {
  const now = services.clock.now();
  const currentPolicy = before.policyId === undefined ? undefined : await getPolicy(tx, before.policyId);
  const holdsPoints = await areAnyKept(tx, before, currentPolicy, now);
  const { item, operation } = softDeleteItem(vault, before, now, { currentPolicy, holdsPoints });
  await demandSecondConsent(tx, context, vault, 'deleteProtection', undefined);
  await assertRoom(tx, services.config.limits, vault, { isNew: false, now });
  await updateItem(tx, item);
  await raiseAlert(tx, {
    kind: 'DeleteBackupData',
    vaultId: vault.id,
    itemId: item.id,
    about: item.vmName,
    description: `The backup data of '${item.vmName}' were deleted${
      item.softDelete ? `; until ${isoTime(item.softDelete.purgeAt)} they can be undeleted` : ''
    }.`,
    at: now,
  });
  const by = context.principal.objectId;
  return { item, operation: await recordDoneChange(tx, { vault, item, operation, by, now }) };
}

/** Whether a rule still wants one of its points; that the newest is always kept does not count. */
async function areAnyKept(tx: Queries, item: ProtectedItem, policy: Policy | undefined, now: number): Promise<boolean> {
  const points = (await allPoints(tx, item.id)).filter(isRestorable);
  if (points.length === 0) return false;
  if (policy === undefined) return true;
  const decisions = [...decideVaulted(points, policy, { now }), ...decideSnapshots(points, policy, { now })];
  return decisions.some(({ expiresAt, rulesUntil }) => (rulesUntil ?? expiresAt ?? Number.POSITIVE_INFINITY) > now);
}
