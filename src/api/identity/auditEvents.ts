import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import type { AuditRecord } from '../../db/audit.ts';
import { pageOfAudit, verifyAudit } from '../../db/auditChain.ts';
import { cutPage } from '../../db/page.ts';
import { isoTime } from '../../lib/clock.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';
import type { AuditEventResource } from '../wire/auditEvent.ts';
import { IDENTITY_VERSIONS } from './principals.ts';

const TYPE = 'Strongroom.Identity/auditEvents';
const EVENTS = '/subscriptions/{subscriptionId}/providers/Strongroom.Identity/auditEvents';

/** The record of what was done and refused, each event sealed by the hash of the one before. */
export const auditEvents = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: IDENTITY_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: EVENTS,
        action: `${TYPE}/read`,
        summary: 'Lists the audit events, newest first.',
        query: Type.Object({
          caller: Type.Optional(Type.String({ maxLength: 128 })),
          category: Type.Optional(Type.Enum(['Administrative', 'Security', 'Alert', 'Policy', 'Backup'])),
        }),
        async handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          const { size, cursor } = context.page;
          const before = cursor === undefined ? undefined : Number(cursor);
          const found = await pageOfAudit(services.db.queries, size + 1, before, context.query);
          const { values, next } = cutPage(found, size, ({ seq }) => String(seq));
          return context.list(values.map(toWire(services)), next);
        },
      }),
      route({
        method: 'POST',
        path: '/subscriptions/{subscriptionId}/providers/Strongroom.Identity/verifyAudit',
        action: `${TYPE}/verify/action`,
        summary: 'Computes the chain of audit events again, and compares it with what was noted outside the database.',
        async handler({ params }) {
          requireSubscription(services, params.subscriptionId);
          const noted = await services.auditHeads();
          const verdict = await verifyAudit(services.db.queries, noted);
          return ok({ ...verdict, isWhole: verdict.faults.length === 0, comparedWith: noted.length });
        },
      }),
    ],
  });

const toWire =
  ({ config }: Services) =>
  ({ at, ...event }: AuditRecord): AuditEventResource => ({
    id: `/subscriptions/${config.subscriptionId}/providers/${TYPE}/${event.seq}`,
    name: String(event.seq),
    type: TYPE,
    properties: { ...event, time: isoTime(at) },
  });
