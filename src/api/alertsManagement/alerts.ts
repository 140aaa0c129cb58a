import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { type ArmContext, defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { listAlerts } from '../../db/alertList.ts';
import { alertHistory, changeAlertState, getAlert } from '../../db/alerts.ts';
import { CodedError } from '../../lib/error.ts';
import { ALERT_STATES, type Alert } from '../../vault/alert.ts';
import { legalValue } from '../legalValue.ts';
import { requireSubscription } from '../lookups.ts';
import { VAULT_PATH } from '../paths.ts';
import type { Services } from '../services.ts';
import { alertHistoryToWire, alertToWire } from '../toWire/alert.ts';
import { ALERT_FILTERS, alertFilter } from './alertQuery.ts';

export const ALERT_VERSIONS = { from: '2018-05-05', to: '2026-12-31' };
const ACTION = 'Microsoft.AlertsManagement/alerts';
/** Whose alerts: Azure serves them below any scope. */
export const ALERT_SCOPES = [
  { path: '/subscriptions/{subscriptionId}', of: 'of the subscription' },
  { path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}', of: 'of a resource group' },
  { path: VAULT_PATH, of: 'of a vault' },
] as const;

export const alerts = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.AlertsManagement/alerts',
    apiVersions: ALERT_VERSIONS,
    routes: ALERT_SCOPES.flatMap(({ path, of }) => {
      const collection = `${path}/providers/Microsoft.AlertsManagement/alerts`;
      const one = `${collection}/{alertId}`;
      return [
        list(services, collection, of),
        get(services, one, of),
        changeState(services, one, of),
        history(services, one, of),
      ];
    }),
  });

/** The id that a path stands below: what comes before its last `/providers/`. */
export const scopeOfPath = ({ path }: Pick<ArmContext, 'path'>): string =>
  path.slice(0, path.toLowerCase().lastIndexOf('/providers/microsoft.alertsmanagement/'));

const LIST_QUERY = Type.Object({
  ...ALERT_FILTERS,
  includeContext: Type.Optional(Type.String()),
  includeEgressConfig: Type.Optional(Type.String()),
  pageCount: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,3}$' })),
  sortBy: Type.Optional(Type.String()),
  sortOrder: Type.Optional(Type.Enum(['asc', 'desc'])),
  select: Type.Optional(Type.String()),
});

const list = (services: Services, path: string, of: string): Route =>
  route({
    method: 'GET',
    path,
    action: `${ACTION}/read`,
    summary: `Lists the alerts ${of}, newest first; of the last 30 days unless told otherwise.`,
    query: LIST_QUERY,
    async handler(context) {
      const { query, page } = context;
      requireSubscription(services, context.params.subscriptionId ?? '');
      const filter = alertFilter(scopeOfPath(context), query, services.clock.now());
      if (!filter) return context.list([]);
      const limit = Math.min(page.size, Number(query.pageCount ?? page.size));
      const found = await listAlerts(services.db.queries, filter, {
        limit,
        oldestFirst: query.sortOrder === 'asc',
        ...(page.cursor === undefined ? {} : { after: page.cursor }),
      });
      const include = { context: query.includeContext === 'true' };
      return context.list(
        found.values.map((alert) => alertToWire(alert, include)),
        found.next,
      );
    },
  });

const get = (services: Services, path: string, of: string): Route =>
  route({
    method: 'GET',
    path,
    action: `${ACTION}/read`,
    summary: `Gets an alert ${of}.`,
    handler: async (context) => ok(alertToWire(await requireAlert(services, context), { context: true })),
  });

const changeState = (services: Services, path: string, of: string): Route =>
  route({
    method: 'POST',
    path: `${path}/changestate`,
    action: `${ACTION}/changestate/action`,
    summary: `Acknowledges or closes an alert ${of}, or opens it again.`,
    query: Type.Object({ newState: Type.String() }),
    body: Type.Union([
      Type.Undefined(),
      Type.Null(),
      Type.String(),
      Type.Object({ comments: Type.Optional(Type.String({ maxLength: 4096 })) }),
    ]),
    async handler(context) {
      const { query, body, principal } = context;
      const to = legalValue('newState', query.newState, ALERT_STATES) ?? 'New';
      const { id } = await requireAlert(services, context as ArmContext);
      const comments = typeof body === 'string' ? body : body?.comments;
      const at = services.clock.now();
      const alert = await services.db.transaction((tx) =>
        changeAlertState(tx, id, { to, by: principal.name, at, ...(comments === undefined ? {} : { comments }) }),
      );
      return ok(alertToWire(alert ?? (await requireAlert(services, context as ArmContext)), { context: true }));
    },
  });

const history = (services: Services, path: string, of: string): Route =>
  route({
    method: 'GET',
    path: `${path}/history`,
    action: `${ACTION}/history/read`,
    summary: `Tells what became of an alert ${of}: when it fired, whom it was told, who acknowledged it.`,
    async handler(context) {
      const alert = await requireAlert(services, context);
      return ok(alertHistoryToWire(alert, await alertHistory(services.db.queries, alert.id)));
    },
  });

/** Errors: ResourceNotFound: also of an alert of another scope. */
async function requireAlert(services: Services, context: Pick<ArmContext, 'path' | 'params'>): Promise<Alert> {
  const { alertId = '', subscriptionId = '' } = context.params;
  requireSubscription(services, subscriptionId);
  const alert = await getAlert(services.db.queries, alertId.toLowerCase());
  const scope = scopeOfPath(context).toLowerCase();
  if (alert && `${alert.target.toLowerCase()}/`.startsWith(`${scope}/`)) return alert;
  throw new CodedError('ResourceNotFound', `The alert '${alertId}' was not found.`, { target: 'alertId' });
}
