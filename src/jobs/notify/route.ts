import { randomUUID } from 'node:crypto';
import { appendChange, writeAlert } from '../../db/alerts.ts';
import { type ArmResource, findArmResource, listArmResources } from '../../db/armResources.ts';
import {
  type Notification,
  postNotifications,
  type Receiver,
  takeRouted,
  type UnroutedChange,
  unroutedChanges,
} from '../../db/notifications.ts';
import type { Queries } from '../../db/schema.ts';
import type { Alert } from '../../vault/alert.ts';
import { type ProcessingRule, routeAlert } from '../../vault/alertProcessing.ts';
import type { JobTools } from '../context.ts';
import { commonAlert } from './message.ts';

const AT_ONCE = 100;

/** Turns changes of alerts into messages to those who want to know, each change in one transaction. */
export async function routeChanges({ db, clock }: Pick<JobTools, 'db' | 'clock'>): Promise<void> {
  for (;;) {
    const some = await unroutedChanges(db.queries, AT_ONCE);
    for (const change of some) await db.transaction((tx) => routeOne(tx, change, clock.now()));
    if (some.length < AT_ONCE) return;
  }
}

/** Those whom an action group tells: its mail and webhook receivers that are not switched off. */
function receiversOf({ properties }: Pick<ArmResource, 'properties'>): readonly Receiver[] {
  const group = properties as unknown as GroupProperties;
  if (group.enabled === false) return [];
  const mails = (group.emailReceivers ?? []).filter(({ status }) => status !== 'Disabled');
  return [
    ...mails.map(({ name, emailAddress }) => ({ kind: 'email' as const, name, address: emailAddress })),
    ...(group.webhookReceivers ?? []).map(({ name, serviceUri }) => ({
      kind: 'webhook' as const,
      name,
      address: serviceUri,
    })),
  ];
}

interface GroupProperties {
  readonly enabled?: boolean;
  readonly emailReceivers?: readonly { name: string; emailAddress: string; status?: string }[];
  readonly webhookReceivers?: readonly { name: string; serviceUri: string }[];
}

async function routeOne(tx: Queries, { alert, number, change }: UnroutedChange, now: number): Promise<void> {
  if (!(await takeRouted(tx, alert.id, number))) return;
  // it may have been resolved since: each message tells what it was posted for
  const told: Alert = change.to === 'Fired' ? firedAgain(alert) : alert;
  const { actionGroups, suppressedBy } = routeAlert(told, await rulesOf(tx, alert), now);
  const base = { at: now, by: 'system' };
  if (suppressedBy !== undefined) {
    await writeAlert(tx, { ...alert, suppressedBy });
    return appendChange(tx, alert, { ...base, event: 'ActionRuleSuppressed', to: suppressedBy }, false);
  }
  const messages: Notification[] = [];
  for (const id of actionGroups) {
    const group = await findArmResource(tx, id);
    for (const receiver of group ? receiversOf(group) : [])
      messages.push({
        ...{ id: randomUUID(), about: alert.id, actionGroup: id, receiver, state: 'waiting' },
        ...{ attempts: 0, notBefore: now, createdAt: now, payload: commonAlert(told) },
      });
  }
  if (messages.length === 0) return;
  await postNotifications(tx, messages);
  const to = [...new Set(messages.map(({ actionGroup }) => actionGroup))].join(', ');
  await appendChange(tx, alert, { ...base, event: 'ActionsTriggered', to }, false);
}

const firedAgain = ({ resolvedAt: _resolved, ...alert }: Alert): Alert => ({ ...alert, condition: 'Fired' });

async function rulesOf(tx: Queries, { target }: Alert): Promise<readonly ProcessingRule[]> {
  const subscriptionId = target.split('/')[2] ?? '';
  const rules = await listArmResources(tx, { subscriptionId, type: 'Microsoft.AlertsManagement/actionRules' });
  return rules.map(({ name, properties }) => ({ ...(properties as unknown as Omit<ProcessingRule, 'name'>), name }));
}
