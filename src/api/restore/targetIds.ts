import { checkName } from '../../arm/name.ts';
import { CodedError, type ErrorCode } from '../../lib/error.ts';
import { isVaulted } from '../../vault/recoveryPoint.ts';
import { sameName } from '../ids.ts';
import type { RestoreAsked } from './asked.ts';

/** One subscription is served; another is refused in the words of the rule that Azure would break first. */
export function requireTargetSubscription(asked: RestoreAsked, subscriptionId: string): void {
  const { services, request, point, isCrossRegion } = asked;
  if (sameName(subscriptionId, services.config.subscriptionId)) return;
  const refuse = (code: ErrorCode, message: string) =>
    new CodedError(code, message, {
      target: 'properties.targetResourceGroupId',
      recommendations: [`Restore in the subscription '${services.config.subscriptionId}'.`],
    });
  const prefix = 'Operation failed as Cross Subscription Restore is not supported';
  if (request.recoveryType === 'OriginalLocation')
    throw refuse('UserErrorCrossSubscriptionRestoreNotSupportedForOLR', `${prefix} for Original Location Recovery.`);
  if (isCrossRegion)
    throw refuse('UserErrorCrossSubscriptionRestoreNotSupportedForCRR', `${prefix} along-with Cross Region Restore.`);
  if (!isVaulted(point))
    throw refuse(
      'UserErrorCrossSubscriptionRestoreNotSupportedFromSnapshot',
      `${prefix} when restoring from a Snapshot recovery point.`,
    );
  throw refuse(
    'UserErrorCrossSubscriptionRestoreInvalidTargetSubscription',
    'Operation failed as the target subscription specified for restore is not registered to the Azure Recovery Services Resource Provider.',
  );
}

/**
 * The group that a restore goes to, whether it is there already or not.
 * Errors: BadRequest, InvalidResourceName, those of the subscription.
 */
export function targetGroupOf(asked: RestoreAsked, id: string): { subscriptionId: string; name: string } {
  const [, subscriptionId = '', name = ''] = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/?$/i.exec(id) ?? [];
  if (name === '')
    throw new CodedError('BadRequest', `targetResourceGroupId is '${id}', which is not the id of a resource group.`, {
      target: 'properties.targetResourceGroupId',
    });
  requireTargetSubscription(asked, subscriptionId);
  return { subscriptionId, name: checkName('resourceGroupName', name) };
}
