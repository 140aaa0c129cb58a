import type { Notification } from '../../db/notifications.ts';
import { type Mail, mailOf } from './message.ts';
import { type Delivery, failed, type Sender, sent } from './sender.ts';

/** What carries mail away. */
export interface MailSender {
  send(mail: Mail, signal: AbortSignal): Promise<void>;
}

/** Absent: no mail server is configured, and every mail fails with that reason. */
export class NotificationMails implements Sender {
  readonly #mail: MailSender | undefined;

  constructor(mail: MailSender | undefined) {
    this.#mail = mail;
  }

  async send(message: Notification, signal: AbortSignal): Promise<Delivery> {
    if (!this.#mail) return failed('no mail server is configured here (STRONGROOM_SMTP)', true);
    try {
      await this.#mail.send(mailOf(message), signal);
      return sent;
    } catch (error) {
      signal.throwIfAborted();
      // 5xx: the server has refused this mail for good
      const code = (error as { responseCode?: unknown }).responseCode;
      const why = error instanceof Error ? error.message : String(error);
      return failed(why, typeof code === 'number' && code >= 500 && code < 600);
    }
  }
}
