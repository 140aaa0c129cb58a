import { setImmediate } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { PolicyRules } from '../vault/policy.ts';
import { policyFromWire } from '../vault/policyFromWire.ts';
import { addCalendar } from '../vault/retentionRules.ts';
import { type KeptPoint, simulateRetention } from '../vault/retentionSimulator.ts';
import { planRuns } from '../vault/runPlan.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requirePolicy, requireVault } from './lookups.ts';
import { POLICY_PATH, VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import type * as Wire from './wire/policyPlan.ts';

/** Nothing is changed: whoever may read a policy may ask what it means. */
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupPolicies/read';
const MOST_YEARS = 99;
const MOST_HISTORY = 10_000;
const MOST_LISTED = 10_000;

const TIME = Type.String({ maxLength: 40 });
const NEXT_RUNS = Type.Object(
  {
    from: Type.Optional(TIME),
    until: Type.Optional(TIME),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  },
  { additionalProperties: false },
);
const SPAN = {
  from: Type.Optional(TIME),
  until: Type.Optional(TIME),
  years: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_YEARS })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_LISTED })),
  history: Type.Optional(
    Type.Array(Type.Object({ takenAt: TIME, retainUntil: Type.Optional(TIME) }, { additionalProperties: false }), {
      maxItems: MOST_HISTORY,
    }),
  ),
};
const SIMULATION = Type.Object(SPAN, { additionalProperties: false });
const DRAFT = Type.Object(
  { ...SPAN, properties: Type.Record(Type.String(), Type.Unknown()) },
  { additionalProperties: false },
);

/** Ours, not Azure's: when a policy runs next, and what it will have kept at some time to come. */
export const policyPlans = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupPolicies/plans',
    apiVersions: BACKUP_VERSIONS,
    routes: [nextRuns(services), simulate(services), simulateDraft(services)],
  });

const nextRuns = (services: Services) =>
  route({
    method: 'POST',
    path: `${POLICY_PATH}/nextRuns`,
    action: ACTION,
    summary: 'Ours: when a policy runs next, and what clocks show then.',
    body: Type.Union([NEXT_RUNS, Type.Undefined()]),
    async handler({ params, body }) {
      const policy = await policyOf(services, params);
      const after = timeOf(body?.from, 'from') ?? services.clock.now();
      const until = timeOf(body?.until, 'until') ?? addCalendar(after, { years: MOST_YEARS });
      requireSpan(after, until);
      const runs = planRuns(policy, { after, until, count: body?.count ?? (body?.until === undefined ? 10 : 1000) });
      const { timeZone, daylightSaving } = policy;
      const value = runs.map(({ at, ...run }) => ({ at: isoTime(at), ...run }));
      return ok({ timeZone, daylightSaving, value } satisfies Wire.NextRuns);
    },
  });

const simulate = (services: Services) =>
  route({
    method: 'POST',
    path: `${POLICY_PATH}/simulateRetention`,
    action: ACTION,
    summary: 'Ours: what a policy will have kept at some time to come, until when and why.',
    body: Type.Union([SIMULATION, Type.Undefined()]),
    handler: async ({ params, body }) => ok(await simulated(services, await policyOf(services, params), body ?? {})),
  });

const simulateDraft = (services: Services) =>
  route({
    method: 'POST',
    path: `${VAULT_PATH}/simulatePolicy`,
    action: ACTION,
    summary: 'Ours: the same of a policy that is not saved, checked by its rules.',
    body: DRAFT,
    async handler({ params, body }) {
      await requireVault(services, params);
      return ok(await simulated(services, policyFromWire(body.properties), body));
    },
  });

const policyOf = async (
  services: Services,
  params: Parameters<typeof requireVault>[1] & { readonly policyName: string },
): Promise<PolicyRules> => requirePolicy(services.db.queries, await requireVault(services, params), params.policyName);

const simulated = async (
  { clock }: Services,
  policy: PolicyRules,
  { from: sentFrom, until: sentUntil, years = 1, history = [], limit = 1000 }: Static<typeof SIMULATION>,
): Promise<Wire.Simulation> => {
  const from = timeOf(sentFrom, 'from') ?? clock.now();
  const until = timeOf(sentUntil, 'until') ?? addCalendar(from, { years });
  requireSpan(from, until);
  const past = history.map(({ takenAt, retainUntil }, i) => {
    const end = timeOf(retainUntil, `history[${i}].retainUntil`);
    return {
      takenAt: timeOf(takenAt, `history[${i}].takenAt`) ?? 0,
      ...(end === undefined ? {} : { retainUntil: end }),
    };
  });
  // Many years take a while: other requests come in between.
  const found = await simulateRetention(policy, { from, until, history: past }, () => setImmediate());
  return {
    ...{ from: isoTime(from), until: isoTime(until), backups: found.backups, keptCount: found.kept.length },
    kept: found.kept.slice(0, limit).map(shown),
    snapshots: found.snapshots,
    byRule: found.byRule.map(({ oldest, ...rule }) => ({ ...rule, oldest: isoTime(oldest) })),
    growth: found.growth.map(({ at, points }) => ({ at: isoTime(at), points })),
  };
};

const shown = ({ takenAt, day, expiresAt, reasons }: KeptPoint): Wire.KeptPoint => ({
  takenAt: isoTime(takenAt),
  ...(day === undefined ? {} : { day }),
  ...(expiresAt === undefined ? {} : { expiresAt: isoTime(expiresAt) }),
  reasons: reasons.map(({ rule, until }) => ({ rule, until: isoTime(until) })),
});

/** Errors: BadRequest. */
const requireSpan = (from: number, until: number): void => {
  if (until > from && until <= addCalendar(from, { years: MOST_YEARS })) return;
  throw new CodedError('BadRequest', `until must be after from, by at most ${MOST_YEARS} years.`, { target: 'until' });
};

/** Errors: BadRequest. */
const timeOf = (sent: string | undefined, target: string): number | undefined => {
  if (sent === undefined) return undefined;
  const at = Date.parse(sent);
  const isDated = /^(19|20|21)\d\d-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(sent);
  if (isDated && !Number.isNaN(at)) return at;
  throw new CodedError('BadRequest', `${target} is '${sent}'; it must be a time like 2026-01-31T20:30:00Z.`, {
    target,
  });
};
