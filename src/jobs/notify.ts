import { appendChange } from '../db/alerts.ts';
import { dueNotifications, forgetNotifications, type Notification, updateNotification } from '../db/notifications.ts';
import { HOUR_MS, MINUTE_MS } from '../lib/clock.ts';
import { inParallel } from '../lib/inParallel.ts';
import { Periodic } from '../lib/periodic.ts';
import type { JobTools } from './context.ts';
import { NotificationMails } from './notify/mail.ts';
import { routeChanges } from './notify/route.ts';
import type { Sender } from './notify/sender.ts';
import { type SmtpOptions, smtpMail } from './notify/smtp.ts';
import { type WebhookOptions, WebhookSender } from './notify/webhook.ts';

export interface NotifierOptions extends Omit<WebhookOptions, 'clock'> {
  readonly smtp?: SmtpOptions;
}

const POLL_MS = 2_000;
const AT_ONCE = 4;
const BATCH = 100;
const SECOND_MS = 1000;
/** The rest after each delivery that failed; then it is given up. */
const RESTS_MS = [10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 6 * HOUR_MS];
const KEEP_MS = 90 * 24 * HOUR_MS;

/**
 * Tells people of alerts: routes each by the processing rules to the receivers of action groups, and delivers what
 * waits in the outbox. A message is delivered once at least, also over a restart, and always under the same id.
 */
export class Notifier {
  readonly #tools: Pick<JobTools, 'db' | 'clock' | 'log'>;
  readonly #senders: Readonly<Record<Notification['receiver']['kind'], Sender>>;
  readonly #loop: Periodic;
  #forgottenAt = Number.NEGATIVE_INFINITY;

  constructor(tools: Pick<JobTools, 'db' | 'clock' | 'log'>, options: NotifierOptions) {
    const { smtp, ...webhook } = options;
    this.#tools = tools;
    const { clock, log } = tools;
    this.#loop = new Periodic({ clock, log, everyMs: POLL_MS, what: 'notifying' }, () => this.tick());
    this.#senders = {
      webhook: new WebhookSender({ ...webhook, clock: tools.clock }),
      email: new NotificationMails(smtp && smtpMail(smtp)),
    };
  }

  start(): void {
    this.#loop.start();
  }

  /** Leaves what is not delivered yet for the next start. */
  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Routes what happened, and delivers what is due. */
  async tick(): Promise<void> {
    const { db, clock } = this.#tools;
    await routeChanges(this.#tools);
    const due = await dueNotifications(db.queries, clock.now(), BATCH);
    await inParallel(due, AT_ONCE, (message) => this.#deliver(message));
    if (clock.now() - this.#forgottenAt < HOUR_MS) return;
    this.#forgottenAt = clock.now();
    await forgetNotifications(db.queries, clock.now() - KEEP_MS);
  }

  async #deliver(message: Notification): Promise<void> {
    const { db, clock, log } = this.#tools;
    const { id, actionGroup, receiver, attempts } = message;
    const delivery = await this.#senders[receiver.kind].send(message, this.#loop.signal);
    const now = clock.now();
    const tried = { ...message, attempts: attempts + 1 };
    if (delivery.outcome === 'sent') return updateNotification(db.queries, { ...tried, state: 'sent', endedAt: now });
    const { why } = delivery;
    const restMs = delivery.isFinal ? undefined : RESTS_MS[attempts];
    if (restMs !== undefined)
      return updateNotification(db.queries, { ...tried, notBefore: now + restMs, lastError: why });
    log.warn({ notification: id, actionGroup, receiver: receiver.name, why }, 'a notification was given up');
    await db.transaction(async (tx) => {
      await updateNotification(tx, { ...tried, state: 'failed', endedAt: now, lastError: why });
      const change = { event: 'ActionsFailed' as const, to: actionGroup, at: now, by: 'system' };
      await appendChange(tx, { id: message.about }, { ...change, comments: `${receiver.name}: ${why}` }, false);
    });
  }
}
