import { type Static, Type } from 'typebox';
import { covers } from '../../arm/scope.ts';
import type { AlertFilter } from '../../db/alertList.ts';
import { HOUR_MS } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import {
  ALERT_CONDITIONS,
  ALERT_SEVERITIES,
  ALERT_SEVERITY,
  ALERT_STATES,
  type AlertKind,
  alertTitle,
  MONITOR_SERVICE,
} from '../../vault/alert.ts';
import { sameName } from '../ids.ts';
import { isoSpan } from '../isoSpan.ts';
import { legalValue } from '../legalValue.ts';

const RANGES_MS: Readonly<Record<string, number>> = {
  '1h': HOUR_MS,
  '1d': 24 * HOUR_MS,
  '7d': 168 * HOUR_MS,
  '30d': 720 * HOUR_MS,
};
const TEXT = Type.Optional(Type.String());

/** Which alerts; alike for the list and the summary. */
export const ALERT_FILTERS = {
  targetResource: TEXT,
  targetResourceType: TEXT,
  targetResourceGroup: TEXT,
  monitorService: TEXT,
  monitorCondition: TEXT,
  severity: TEXT,
  alertState: TEXT,
  alertRule: TEXT,
  smartGroupId: TEXT,
  timeRange: TEXT,
  customTimeRange: TEXT,
};

const QUERY = Type.Object(ALERT_FILTERS);

/**
 * The filter below `scope`, the id of the path; without a time range the last 30 days. undefined: no alert can match.
 * Errors: InvalidParameter, naming the parameter and its legal values.
 */
export function alertFilter(scope: string, query: Static<typeof QUERY>, now: number): AlertFilter | undefined {
  const { targetResource, targetResourceGroup, targetResourceType, monitorService, smartGroupId, alertRule } = query;
  const narrowed = narrow(scope, targetResource, targetResourceGroup);
  const isOther =
    (targetResourceType !== undefined && !sameName(targetResourceType, 'Microsoft.RecoveryServices/vaults')) ||
    (monitorService !== undefined && !sameName(monitorService, MONITOR_SERVICE)) ||
    smartGroupId !== undefined;
  const kind = alertRule === undefined ? undefined : kindOf(alertRule);
  if (isOther || narrowed === undefined || (alertRule !== undefined && kind === undefined)) return undefined;
  const severity = legalValue('severity', query.severity, ALERT_SEVERITIES);
  const state = legalValue('alertState', query.alertState, ALERT_STATES);
  const condition = legalValue('monitorCondition', query.monitorCondition, ALERT_CONDITIONS);
  return {
    scope: narrowed,
    ...(severity === undefined ? {} : { severity }),
    ...(state === undefined ? {} : { state }),
    ...(condition === undefined ? {} : { condition }),
    ...(kind === undefined ? {} : { kind }),
    ...timesOf(query, now),
  };
}

/** The narrower of the path's scope and what the parameters name; undefined: they exclude each other. */
function narrow(scope: string, resource: string | undefined, group: string | undefined): string | undefined {
  let found = scope;
  for (const wanted of [groupScope(scope, group), resource]) {
    if (wanted === undefined) continue;
    if (covers(found, wanted)) found = wanted;
    else if (!covers(wanted, found)) return undefined;
  }
  return found;
}

/** Clients name a group by its name or by its whole id. */
const groupScope = (scope: string, group: string | undefined): string | undefined =>
  group === undefined || group.startsWith('/')
    ? group
    : `${scope.split('/').slice(0, 3).join('/')}/resourceGroups/${group}`;

function timesOf({ timeRange, customTimeRange }: Static<typeof QUERY>, now: number) {
  if (customTimeRange !== undefined) {
    const span = isoSpan(customTimeRange);
    if (!span)
      throw new CodedError(
        'InvalidParameter',
        `customTimeRange is '${customTimeRange.slice(0, 64)}'; it must be two ISO times, the earlier first: 2026-01-01T00:00:00Z/2026-01-08T00:00:00Z.`,
        { target: 'customTimeRange' },
      );
    return { firedFrom: span.from, firedTo: span.to };
  }
  const range = legalValue('timeRange', timeRange, Object.keys(RANGES_MS)) ?? '30d';
  return { firedFrom: now - (RANGES_MS[range] ?? 0) };
}

const kindOf = (rule: string): AlertKind | undefined =>
  (Object.keys(ALERT_SEVERITY) as AlertKind[]).find((kind) => sameName(alertTitle(kind), rule) || sameName(kind, rule));
