import { Type } from 'typebox';
import { accepted, ok } from '../../arm/respond.ts';
import { type Route, route } from '../../arm/route.ts';
import { type Notification, notificationsAbout, postNotifications, type Receiver } from '../../db/notifications.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { Services } from '../services.ts';
import { trackedId } from '../trackedPut.ts';
import { requireTracked } from '../trackedResource.ts';
import { ACTION_GROUPS, checkReceivers, RECEIVERS } from './receivers.ts';

const BODY = Type.Object({ alertType: Type.String({ maxLength: 100 }), ...RECEIVERS }, { additionalProperties: false });
const STATES = { waiting: 'Processing', sent: 'Completed', failed: 'Failed' } as const;

/** Sends a made-up alert to the receivers that the request names, through the same outbox as real ones. */
export const testNotifications = (services: Services, path: string): Route[] => [
  route({
    method: 'POST',
    path: `${path}/createNotifications`,
    action: `${ACTION_GROUPS}/createNotifications/action`,
    summary: 'Sends a test alert to receivers, as one would be told.',
    answers: ['202 + Location'],
    body: BODY,
    async handler(context) {
      const { id: group } = await requireTracked(services, ACTION_GROUPS, context.params);
      const { emailReceivers, webhookReceivers, alertType } = context.body;
      checkReceivers(services, context.body);
      const receivers: Receiver[] = [
        ...(emailReceivers ?? []).map((one) => ({ kind: 'email' as const, name: one.name, address: one.emailAddress })),
        ...(webhookReceivers ?? []).map((one) => ({
          kind: 'webhook' as const,
          name: one.name,
          address: one.serviceUri,
        })),
      ];
      if (receivers.length === 0)
        throw new CodedError('BadRequest', 'Name at least one receiver: emailReceivers or webhookReceivers.', {
          target: 'emailReceivers',
        });
      const [about, now] = [crypto.randomUUID(), services.clock.now()];
      const payload = testAlert(group, about, alertType, now);
      await services.db.transaction((tx) =>
        postNotifications(
          tx,
          receivers.map((receiver) => ({
            ...{ id: crypto.randomUUID(), about, actionGroup: group, receiver, state: 'waiting', attempts: 0 },
            ...{ notBefore: now, createdAt: now, payload },
          })),
        ),
      );
      return accepted(context, { resultPath: `${group}/notificationStatus/${about}` });
    },
  }),
  route({
    method: 'GET',
    path: `${path}/notificationStatus/{notificationId}`,
    action: `${ACTION_GROUPS}/notificationStatus/read`,
    summary: 'Tells how a test of receivers went; it is complete when each was reached or given up.',
    answers: ['200', '202 + Location'],
    async handler(context) {
      const { resourceGroupName = '', name = '', notificationId = '' } = context.params as Record<string, string>;
      const group = trackedId(services, ACTION_GROUPS, resourceGroupName, name);
      const all = (await notificationsAbout(services.db.queries, notificationId.toLowerCase())).filter(
        ({ actionGroup }) => actionGroup.toLowerCase() === group.toLowerCase(),
      );
      if (all.length === 0) throw new CodedError('NotFound', `There is no test '${notificationId}' of this group.`);
      const isOver = all.every(({ state, attempts }) => state !== 'waiting' || attempts > 0);
      if (!isOver) return accepted(context, { resultPath: context.path });
      return ok(statusOf(all));
    },
  }),
];

/** One try is enough for a test: what waits for its second has failed. */
function statusOf(all: readonly Notification[]): Record<string, unknown> {
  const first = all[0]?.createdAt ?? 0;
  return {
    context: {
      notificationSource: 'Microsoft.Insights/TestNotification',
      contextType: 'Microsoft.Insights/TestNotification',
    },
    state: 'Complete',
    createdTime: isoTime(first),
    completedTime: isoTime(Math.max(first, ...all.map(({ endedAt }) => endedAt ?? 0))),
    actionDetails: all.map(({ receiver, state, attempts, lastError, endedAt, createdAt }) => ({
      MechanismType: receiver.kind === 'email' ? 'Email' : 'Webhook',
      Name: receiver.name,
      Status: state === 'waiting' && attempts > 0 ? STATES.failed : STATES[state],
      SubState: 'Default',
      SendTime: isoTime(endedAt ?? createdAt),
      Detail: lastError ?? '',
    })),
  };
}

const testAlert = (group: string, id: string, alertType: string, now: number) => ({
  schemaId: 'azureMonitorCommonAlertSchema',
  data: {
    essentials: {
      alertId: `${group.split('/').slice(0, 3).join('/')}/providers/Microsoft.AlertsManagement/alerts/${id}`,
      alertRule: `test-${alertType}`,
      severity: 'Sev4',
      signalType: 'Log',
      monitorCondition: 'Fired',
      monitoringService: 'Azure Backup',
      alertTargetIDs: [group],
      configurationItems: [group.split('/').at(-1) ?? ''],
      originAlertId: id,
      firedDateTime: isoTime(now),
      description: 'This is a test of an action group; nothing has happened.',
      essentialsVersion: '1.0',
      alertContextVersion: '1.0',
    },
    alertContext: {},
  },
});
