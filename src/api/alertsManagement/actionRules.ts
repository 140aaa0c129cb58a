import { type Static, Type } from 'typebox';
import { parseResourceId } from '../../arm/resourceId.ts';
import type { RouteTable } from '../../arm/route.ts';
import { CodedError } from '../../lib/error.ts';
import { RULE_FIELDS, RULE_OPERATORS } from '../../vault/alertProcessing.ts';
import { DAYS_OF_WEEK } from '../../vault/policy.ts';
import { ianaTimeZone } from '../../vault/timeZone.ts';
import { sameName } from '../ids.ts';
import type { Services } from '../services.ts';
import { trackedResource } from '../trackedResource.ts';
import { type TrackedPut, trackedBody } from '../trackedType.ts';

const CLOSED = { additionalProperties: false };
const ID = Type.String({ minLength: 1, maxLength: 2048 });
const TIME = Type.Optional(Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$' }));
const MOMENT = Type.Optional(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$' }));

const SCHEDULE = Type.Object(
  {
    effectiveFrom: MOMENT,
    effectiveUntil: MOMENT,
    timeZone: Type.Optional(Type.String({ maxLength: 100 })),
    recurrences: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Object({ recurrenceType: Type.Literal('Daily'), startTime: TIME, endTime: TIME }, CLOSED),
          Type.Object(
            {
              recurrenceType: Type.Literal('Weekly'),
              daysOfWeek: Type.Array(Type.Enum([...DAYS_OF_WEEK]), { minItems: 1, maxItems: 7 }),
              startTime: TIME,
              endTime: TIME,
            },
            CLOSED,
          ),
          Type.Object(
            {
              recurrenceType: Type.Literal('Monthly'),
              daysOfMonth: Type.Array(Type.Integer({ minimum: 1, maximum: 31 }), { minItems: 1, maxItems: 31 }),
              startTime: TIME,
              endTime: TIME,
            },
            CLOSED,
          ),
        ]),
        { maxItems: 100 },
      ),
    ),
  },
  CLOSED,
);

const PROPERTIES = Type.Object(
  {
    scopes: Type.Array(ID, { minItems: 1, maxItems: 100 }),
    conditions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            field: Type.Enum([...RULE_FIELDS]),
            operator: Type.Enum([...RULE_OPERATORS]),
            values: Type.Array(Type.String({ maxLength: 2048 }), { minItems: 1, maxItems: 100 }),
          },
          CLOSED,
        ),
        { maxItems: 20 },
      ),
    ),
    schedule: Type.Optional(Type.Union([SCHEDULE, Type.Null()])),
    actions: Type.Array(
      Type.Union([
        Type.Object(
          {
            actionType: Type.Literal('AddActionGroups'),
            actionGroupIds: Type.Array(ID, { minItems: 1, maxItems: 5 }),
          },
          CLOSED,
        ),
        Type.Object({ actionType: Type.Literal('RemoveAllActionGroups') }, CLOSED),
      ]),
      { minItems: 1, maxItems: 5 },
    ),
    description: Type.Optional(Type.String({ maxLength: 2048 })),
    enabled: Type.Optional(Type.Boolean()),
  },
  CLOSED,
);

const BODY = trackedBody({ properties: PROPERTIES });

/** Alert processing rules: which action groups are told of which alerts, or that nobody is. */
export const actionRules = (services: Services): RouteTable =>
  trackedResource(services, {
    type: 'Microsoft.AlertsManagement/actionRules',
    one: 'an alert processing rule',
    many: 'alert processing rules',
    apiVersions: { from: '2018-11-02', to: '2026-12-31' },
    body: BODY,
    location: 'global',
    patch: 'properties',
    beforePut: (put) => checkRule(services, put),
    complete: ({ body: { properties } }) => ({
      properties: {
        ...properties,
        conditions: properties.conditions ?? [],
        schedule: properties.schedule
          ? { ...properties.schedule, recurrences: properties.schedule.recurrences ?? [] }
          : undefined,
        enabled: properties.enabled ?? true,
      },
    }),
  });

/** What a rule does, it does to its scopes and in the name of its groups: the caller must have the right there too. */
async function checkRule(services: Services, { body, context }: TrackedPut<Static<typeof BODY>>): Promise<void> {
  const { scopes, actions, schedule } = body.properties;
  for (const scope of scopes) {
    requireHere(services, scope, 'properties.scopes');
    await context.demand('Microsoft.AlertsManagement/actionRules/write', scope);
  }
  for (const action of actions)
    for (const group of action.actionType === 'AddActionGroups' ? action.actionGroupIds : []) {
      requireHere(services, group, 'properties.actions.actionGroupIds');
      await context.demand('Microsoft.Insights/actionGroups/read', group);
    }
  if (schedule?.timeZone !== undefined && ianaTimeZone(schedule.timeZone) === undefined)
    throw invalid('properties.schedule.timeZone', `'${schedule.timeZone}' is no time zone of Windows or IANA`);
  for (const moment of [schedule?.effectiveFrom, schedule?.effectiveUntil])
    if (moment !== undefined && Number.isNaN(Date.parse(`${moment}Z`)))
      throw invalid('properties.schedule', `'${moment}' is no moment`);
}

/** Errors: BadRequest: the id is of another subscription; InvalidResourceName. */
function requireHere({ config }: Services, id: string, field: string): void {
  const { subscriptionId } = parseResourceId(id);
  if (subscriptionId !== undefined && sameName(subscriptionId, config.subscriptionId)) return;
  throw invalid(field, `'${id}' is not in the subscription of this rule`);
}

const invalid = (field: string, why: string): CodedError =>
  new CodedError('BadRequest', `${field}: ${why}.`, { target: field });
