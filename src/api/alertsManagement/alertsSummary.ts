import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { type AlertCount, countAlerts } from '../../db/alertList.ts';
import { CodedError } from '../../lib/error.ts';
import { alertTitle, MONITOR_SERVICE } from '../../vault/alert.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';
import { ALERT_FILTERS, alertFilter } from './alertQuery.ts';
import { ALERT_SCOPES, ALERT_VERSIONS, scopeOfPath } from './alerts.ts';

const FIELDS: Readonly<Record<string, (count: AlertCount) => string>> = {
  severity: ({ severity }) => severity,
  alertState: ({ state }) => state,
  monitorCondition: ({ condition }) => condition,
  monitorService: () => MONITOR_SERVICE,
  signalType: () => 'Log',
  alertRule: ({ kind }) => alertTitle(kind),
};

export const alertsSummary = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.AlertsManagement/alertsSummary',
    apiVersions: ALERT_VERSIONS,
    routes: ALERT_SCOPES.map(({ path, of }) =>
      route({
        method: 'GET',
        path: `${path}/providers/Microsoft.AlertsManagement/alertsSummary`,
        action: 'Microsoft.AlertsManagement/alertsSummary/read',
        summary: `Counts the alerts ${of} by one field, or by several, one within the other.`,
        query: Type.Object({
          ...ALERT_FILTERS,
          groupby: Type.String(),
          includeSmartGroupsCount: Type.Optional(Type.String()),
        }),
        async handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          const scope = scopeOfPath(context);
          const fields = fieldsOf(context.query.groupby);
          const filter = alertFilter(scope, context.query, services.clock.now());
          const counts = filter ? await countAlerts(services.db.queries, filter) : [];
          return ok({
            id: `${scope}/providers/Microsoft.AlertsManagement/alertsSummary/current`,
            name: 'current',
            type: 'Microsoft.AlertsManagement/alertsSummary',
            properties: { total: sum(counts), smartGroupsCount: 0, ...grouped(counts, fields) },
          });
        },
      }),
    ),
  });

/** Errors: InvalidParameter. */
function fieldsOf(groupby: string): readonly string[] {
  const legal = Object.keys(FIELDS);
  const fields = groupby.split(',').map((name) => legal.find((one) => one.toLowerCase() === name.trim().toLowerCase()));
  if (fields.length <= legal.length && fields.every((field) => field !== undefined)) return fields;
  const message = `groupby is '${groupby.slice(0, 64)}'; legal are ${legal.join(', ')}, divided by commas.`;
  throw new CodedError('InvalidParameter', message, { target: 'groupby' });
}

function grouped(counts: readonly AlertCount[], [field, ...inner]: readonly string[]): Record<string, unknown> {
  if (field === undefined) return {};
  const groups = Map.groupBy(counts, (count) => FIELDS[field]?.(count) ?? '');
  const values = [...groups].sort().map(([name, some]) => ({ name, count: sum(some), ...grouped(some, inner) }));
  return { groupedby: field, values };
}

const sum = (counts: readonly AlertCount[]): number => counts.reduce((total, { count }) => total + count, 0);
