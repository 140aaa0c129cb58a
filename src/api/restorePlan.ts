import { countRestores } from '../db/restores.ts';
import type { RestoreTarget } from '../jobs/restoreTarget.ts';
import { DAY_MS } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { sameName } from './ids.ts';
import type { RestoreAsked, RestoreCheck } from './restore/asked.ts';
import { checkOptions } from './restore/options.ts';
import { checkStaging, stagingTarget } from './restore/stagingTarget.ts';
import { targetGroupOf } from './restore/targetIds.ts';
import { checkRecoveryType, checkWholeMachine } from './restore/wholeMachine.ts';
import { checkLuns, restoreTarget } from './restoreTarget.ts';

/** Every rule a request is held to, in the order in which they are told. */
const CHECKS: readonly RestoreCheck[] = [
  checkRecoveryType,
  checkSource,
  checkOptions,
  ({ request, point }) => void checkLuns(request.restoreDiskLunList ?? undefined, lunsOf(point)),
  checkMachineGroup,
  checkStaging,
  checkWholeMachine,
  checkDailyLimit,
];

/** Where the disks are to go. Errors: of the first rule that is broken. */
export async function planRestore(asked: RestoreAsked): Promise<RestoreTarget> {
  for (const check of CHECKS) await check(asked);
  const { services, request, point, item, isCrossRegion } = asked;
  const more = isCrossRegion ? { fromSecondary: true } : {};
  if (!request.strongroom) return { ...(await stagingTarget(asked)), ...more };
  const target = restoreTarget(request, {
    restoreRoot: services.config.restoreRoot,
    imageHosts: services.hosts.filter((host) => host.kind === 'image').map((host) => host.name),
    resourceGroup: item.resourceGroup,
    luns: lunsOf(point),
  });
  return { ...target, ...more };
}

/** All that speaks against it; nothing: it would be begun. Errors: AuthorizationFailed, which tells nothing else. */
export async function problemsOfRestore(asked: RestoreAsked): Promise<readonly CodedError[]> {
  const problems: CodedError[] = [];
  for (const check of CHECKS) {
    try {
      await check(asked);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code === 'AuthorizationFailed') throw error;
      problems.push(error);
    }
  }
  return problems;
}

const lunsOf = (point: RecoveryPoint): readonly number[] => point.disks.map(({ lun }) => lun);

/** A host makes the group of its machine by naming it. Errors: those of `targetGroupOf`. */
function checkMachineGroup(asked: RestoreAsked): void {
  const { strongroom, targetResourceGroupId } = asked.request;
  if (strongroom && targetResourceGroupId != null) targetGroupOf(asked, targetResourceGroupId);
}

/** Errors: BadRequest. */
function checkSource({ request, point, item }: RestoreAsked): void {
  const { recoveryPointId, sourceResourceId } = request;
  if (recoveryPointId !== undefined && recoveryPointId.split('/').at(-1) !== point.id)
    throw new CodedError(
      'BadRequest',
      `recoveryPointId is '${recoveryPointId}', but the path names the point '${point.id}'.`,
      { target: 'properties.recoveryPointId' },
    );
  if (sourceResourceId != null && !sameName(sourceResourceId, item.sourceResourceId))
    throw new CodedError(
      'BadRequest',
      `sourceResourceId is '${sourceResourceId}', but the recovery point is of '${item.sourceResourceId}'.`,
      { target: 'properties.sourceResourceId' },
    );
}

/** Errors: UserErrorRestoreLimitReached. */
async function checkDailyLimit({ services, item }: RestoreAsked): Promise<void> {
  const { restoresInDay } = services.config.limits;
  const now = services.clock.now();
  if ((await countRestores(services.db.queries, item.id, now - DAY_MS)) < restoresInDay) return;
  throw new CodedError(
    'UserErrorRestoreLimitReached',
    `The machine '${item.vmName}' was restored ${restoresInDay} times in the last 24 hours, which is the limit.`,
    { target: item.vmName, recommendations: ["Try again later, or raise 'restoresInDay' in STRONGROOM_LIMITS."] },
  );
}
