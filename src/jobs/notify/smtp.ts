import type { MailSender } from './mail.ts';

export interface SmtpOptions {
  /** 'smtps://user:password@host:465' or 'smtp://host:25'. */
  readonly url: string;
  readonly from: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 20_000;

/** Over SMTP, one connection for each mail; STARTTLS wherever the server offers it. */
export const smtpMail = ({ url, from }: SmtpOptions): MailSender => ({
  async send(mail, signal) {
    // no server without mail pays for loading it
    const { createTransport } = await import('nodemailer');
    signal.throwIfAborted();
    const transport = createTransport({
      url,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
    });
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      const sending = transport.sendMail({ ...mail, from, disableFileAccess: true, disableUrlAccess: true });
      await Promise.race([sending, stopped]);
    } finally {
      transport.close();
    }
  },
});
