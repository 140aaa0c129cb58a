import { Type } from 'typebox';
import { type Condition, conditionsOf, type Filter } from '../../arm/filter.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { type ActivityFilter, listActivity } from '../../db/activity.ts';
import type { AuditEvent } from '../../db/audit.ts';
import { CodedError } from '../../lib/error.ts';
import { groupArmId } from '../../vault/armIds.ts';
import { sameName } from '../ids.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';
import { eventToWire, providerOf } from '../toWire/activity.ts';

const VERSIONS = { from: '2014-04-01', to: '2026-12-31' };
const CATEGORIES = ['Administrative', 'Security', 'Alert', 'Policy'];
/** As far back as Azure keeps events; who asks for more gets what is kept here. */
const USUAL_MS = 90 * 24 * 3_600_000;

const FILTER = {
  eventTimestamp: 'dateTime',
  resourceGroupName: 'string',
  resourceId: 'string',
  resourceUri: 'string',
  resourceProvider: 'string',
  correlationId: 'string',
  caller: 'string',
  status: 'string',
  eventChannels: 'string',
  category: 'string',
  levels: 'string',
} as const;

/** The activity log: what was done and refused, by whom; and what jobs and alerts came to. */
export const eventtypes = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.Insights/eventtypes',
    apiVersions: VERSIONS,
    routes: [values(services), categories()],
  });

const values = (services: Services) =>
  route({
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values',
    action: 'Microsoft.Insights/eventtypes/values/read',
    summary: 'Lists what was done and refused, newest first: the activity log.',
    filter: FILTER,
    query: Type.Object({ $select: Type.Optional(Type.String({ maxLength: 1024 })) }),
    async handler(context) {
      const { subscriptionId } = context.params;
      requireSubscription(services, subscriptionId);
      const { size, cursor } = context.page;
      const found = await listActivity(
        services.db.queries,
        activityFilter(context.filter, subscriptionId, services.clock.now()),
        { limit: size, ...(cursor === undefined ? {} : { after: cursor }) },
      );
      const shown = found.values.map((record) => eventToWire(record, services.config.tenantId));
      return context.list(
        shown.map((event) => selected(event, context.query.$select)),
        found.next,
      );
    },
  });

const categories = () =>
  route({
    method: 'GET',
    path: '/providers/Microsoft.Insights/eventcategories',
    action: 'Microsoft.Insights/eventCategories/read',
    access: 'authenticated',
    summary: 'Lists the categories of events.',
    handler: (context) => context.list(CATEGORIES.map((value) => ({ value, localizedValue: value }))),
  });

function activityFilter(filter: Filter | undefined, subscriptionId: string, now: number): ActivityFilter {
  const conditions = conditionsOf(filter);
  const text = (name: keyof typeof FILTER) =>
    conditions.find(({ property }) => property === name)?.value as string | undefined;
  const { from = now - USUAL_MS, to = now } = timesOf(conditions);
  const [group, correlationId] = [text('resourceGroupName'), text('correlationId')];
  const resourceId = text('resourceUri') ?? text('resourceId');
  const [caller, status, provider] = [text('caller'), text('status'), text('resourceProvider')];
  const [category, level] = [text('category'), text('levels')];
  const accept = (event: AuditEvent): boolean =>
    (caller === undefined || sameName(event.caller, caller) || sameName(event.callerName, caller)) &&
    (status === undefined || sameName(event.status, status)) &&
    (provider === undefined || sameName(providerOf(event), provider)) &&
    (category === undefined || sameName(event.category, category)) &&
    (level === undefined || level.split(',').some((one) => sameName(one.trim(), event.level)));
  return {
    ...{ from, to, accept },
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(resourceId === undefined ? {} : { resourceId }),
    ...(group === undefined ? {} : { scope: groupArmId(subscriptionId, group) }),
  };
}

/** Errors: InvalidFilter. */
function timesOf(conditions: readonly Condition[]): { from?: number; to?: number } {
  const times: { from?: number; to?: number } = {};
  for (const { operator, value } of conditions.filter(({ property }) => property === 'eventTimestamp')) {
    if (operator === 'ge' || operator === 'gt') times.from = Number(value) + (operator === 'gt' ? 1 : 0);
    else if (operator === 'le' || operator === 'lt') times.to = Number(value) - (operator === 'lt' ? 1 : 0);
    else
      throw new CodedError(
        'InvalidFilter',
        `eventTimestamp is compared with '${operator}'; legal are ge, gt, le, lt.`,
        {
          target: '$filter',
        },
      );
  }
  return times;
}

/** Of an event, the fields that `$select` names; all when absent. */
function selected(event: Record<string, unknown>, select: string | undefined): Record<string, unknown> {
  if (select === undefined || select.trim() === '') return event;
  const wanted = new Set(select.split(',').map((name) => name.trim().toLowerCase()));
  // without its id and resource nobody could tell what it is about
  return Object.fromEntries(Object.entries(event).filter(([name]) => name === 'id' || wanted.has(name.toLowerCase())));
}
