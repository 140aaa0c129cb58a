import type { Alert, AlertChange } from '../vault/alert.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Queries } from './schema.ts';

/** Who is told, as an action group names him. */
export interface Receiver {
  readonly kind: 'webhook' | 'email';
  readonly name: string;
  /** URL or mail address. */
  readonly address: string;
}

/** One message to one receiver; sent once at least, and always under the same id. */
export interface Notification {
  /** UUID; the receiver sees it and can tell a second delivery by it. */
  readonly id: string;
  /** Id of the alert, or of the test, it tells of. */
  readonly about: string;
  /** ARM id of the action group. */
  readonly actionGroup: string;
  readonly receiver: Receiver;
  readonly state: 'waiting' | 'sent' | 'failed';
  /** Deliveries tried so far. */
  readonly attempts: number;
  /** ms; not tried earlier. */
  readonly notBefore: number;
  readonly createdAt: number;
  readonly endedAt?: number;
  readonly lastError?: string;
  /** Common alert schema. */
  readonly payload: JsonObject;
}

/** Puts messages into the outbox, in the transaction of what they tell. */
export const postNotifications = async (db: Queries, messages: readonly Notification[]): Promise<void> => {
  for (const message of messages)
    await db
      .insertInto('notifications')
      .values({ id: message.id, ...toRow(message) })
      .execute();
};

/** Messages to be sent now, oldest first. */
export const dueNotifications = async (db: Queries, now: number, limit: number): Promise<readonly Notification[]> => {
  const rows = await db
    .selectFrom('notifications')
    .select('body')
    .where('state', '=', 'waiting')
    .where('not_before', '<=', now)
    .orderBy('not_before')
    .limit(limit)
    .execute();
  return rows.map(fromRow);
};

export const updateNotification = async (db: Queries, message: Notification): Promise<void> => {
  await db.updateTable('notifications').set(toRow(message)).where('id', '=', message.id).execute();
};

/** All messages that tell of an alert or a test. */
export const notificationsAbout = async (db: Queries, about: string): Promise<readonly Notification[]> => {
  const rows = await db
    .selectFrom('notifications')
    .select('body')
    .where('about', '=', about)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(fromRow);
};

/** Lets go of messages that ended and were posted before `before`. */
export const forgetNotifications = async (db: Queries, before: number): Promise<void> => {
  await db.deleteFrom('notifications').where('state', '!=', 'waiting').where('created_at', '<', before).execute();
};

export interface UnroutedChange {
  readonly alert: Alert;
  readonly number: number;
  readonly change: AlertChange;
}

/** Changes of alerts that people are to be told of and that were not routed yet, oldest first. */
export const unroutedChanges = async (db: Queries, limit: number): Promise<readonly UnroutedChange[]> => {
  const rows = await db
    .selectFrom('alert_changes')
    .innerJoin('alerts', 'alerts.id', 'alert_changes.alert_id')
    .select(['alert_changes.number', 'alert_changes.body as change', 'alerts.body as alert'])
    .where('awaits_routing', '=', 1)
    .orderBy('alert_changes.at')
    .orderBy('alert_changes.number')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    alert: JSON.parse(row.alert) as Alert,
    number: row.number,
    change: JSON.parse(row.change) as AlertChange,
  }));
};

/** Takes a change as routed, in the transaction that posts its messages; false when it was already. */
export const takeRouted = async (tx: Queries, alertId: string, number: number): Promise<boolean> => {
  const result = await tx
    .updateTable('alert_changes')
    .set({ awaits_routing: 0 })
    .where('alert_id', '=', alertId)
    .where('number', '=', number)
    .where('awaits_routing', '=', 1)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
};

const toRow = (message: Notification) => ({
  ...{ about: message.about, state: message.state, attempts: message.attempts },
  ...{ not_before: message.notBefore, created_at: message.createdAt, body: JSON.stringify(message) },
});

const fromRow = (row: { body: string }): Notification => JSON.parse(row.body) as Notification;
