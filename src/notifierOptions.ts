import { readFile } from 'node:fs/promises';
import type { NotifierOptions } from './jobs/notify.ts';
import { CodedError } from './lib/error.ts';

/** How people are told of alerts; the secrets themselves lie in files. */
export interface NotifySettings {
  /** STRONGROOM_SMTP: a file with the URL of the mail server, 'smtps://user:password@host:465'. Absent: no mail. */
  readonly smtpFile?: string;
  /** STRONGROOM_MAIL_FROM, default strongroom@{host}. */
  readonly mailFrom: string;
  /** STRONGROOM_WEBHOOK_KEY: a file whose bytes sign every message to a webhook. Absent: none is signed. */
  readonly webhookKeyFile?: string;
  /** STRONGROOM_WEBHOOK_ALLOW, divided by commas: hosts and addresses that are legal although the rules refuse them. */
  readonly webhookAllow: readonly string[];
}

export const notifySettings = (env: Readonly<Record<string, string | undefined>>, host: string): NotifySettings => ({
  ...(env.STRONGROOM_SMTP ? { smtpFile: env.STRONGROOM_SMTP } : {}),
  mailFrom: env.STRONGROOM_MAIL_FROM ?? `strongroom@${host}`,
  ...(env.STRONGROOM_WEBHOOK_KEY ? { webhookKeyFile: env.STRONGROOM_WEBHOOK_KEY } : {}),
  webhookAllow: (env.STRONGROOM_WEBHOOK_ALLOW ?? '')
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== ''),
});

const MIN_KEY_BYTES = 16;

/** Reads the files that the settings name. Errors: InvalidParameter, naming the variable, never what the file holds. */
export async function notifierOptions(settings: NotifySettings): Promise<NotifierOptions> {
  const { smtpFile, webhookKeyFile, mailFrom, webhookAllow } = settings;
  const url = smtpFile && (await contentOf('STRONGROOM_SMTP', smtpFile)).toString('utf8').trim();
  if (url !== undefined && !/^smtps?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw invalid('STRONGROOM_SMTP', 'the file must hold one URL that begins with smtp:// or smtps://');
  const key = webhookKeyFile && (await contentOf('STRONGROOM_WEBHOOK_KEY', webhookKeyFile));
  if (key && key.length < MIN_KEY_BYTES)
    throw invalid('STRONGROOM_WEBHOOK_KEY', `the file must hold at least ${MIN_KEY_BYTES} bytes`);
  return {
    allowed: webhookAllow,
    ...(url ? { smtp: { url, from: mailFrom } } : {}),
    ...(key ? { signingKey: key } : {}),
  };
}

async function contentOf(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw invalid(variable, `the file '${file}' cannot be read: ${(error as Error).message}`);
  }
}

const invalid = (variable: string, why: string): CodedError =>
  new CodedError('InvalidParameter', `${variable}: ${why}.`, { target: variable });
