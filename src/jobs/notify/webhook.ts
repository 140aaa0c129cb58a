import { createHmac } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { getCACertificates } from 'node:tls';
import type { Notification } from '../../db/notifications.ts';
import type { Clock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import { guardedLookup, webhookUrl } from '../webhookAddress.ts';
import { type Delivery, failed, type Sender, sent } from './sender.ts';

export interface WebhookOptions {
  readonly clock: Clock;
  /** Hosts and addresses that are served although the rules would refuse them. */
  readonly allowed: readonly string[];
  /** Signs each message, when there is one. */
  readonly signingKey?: Uint8Array;
  /** PEM of the authorities that are trusted besides the usual ones. */
  readonly ca?: string;
}

const TIMEOUT_MS = 10_000;
/** Statuses after which another try may go better. */
const BUSY = new Set([408, 425, 429]);

/** Posts messages to URLs: without following redirects, and without reading what is answered. */
export class WebhookSender implements Sender {
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  async send(message: Notification, signal: AbortSignal): Promise<Delivery> {
    const over = new AbortController();
    const { clock } = this.#options;
    const limit = clock
      .sleep(TIMEOUT_MS, over.signal)
      .then(() => over.abort(new Error(`there was no answer in ${TIMEOUT_MS / 1000} seconds`)))
      .catch(() => {}); // the answer came first
    try {
      const status = await this.#post(message, AbortSignal.any([signal, over.signal]));
      if (status >= 200 && status < 300) return sent;
      const redirected = status >= 300 && status < 400 ? '; redirects are not followed' : '';
      return failed(`the receiver answered ${status}${redirected}`, !(status >= 500 || BUSY.has(status)));
    } catch (error) {
      signal.throwIfAborted();
      const why = over.signal.aborted ? over.signal.reason : error;
      return failed(why instanceof Error ? why.message : String(why), isCoded(error));
    } finally {
      over.abort();
      await limit;
    }
  }

  #post(message: Notification, signal: AbortSignal): Promise<number> {
    const { allowed, ca } = this.#options;
    const url = webhookUrl(message.receiver.address, allowed);
    const body = JSON.stringify(message.payload);
    const options = {
      method: 'POST',
      headers: { ...this.#headers(message, body), 'content-length': Buffer.byteLength(body) },
      lookup: guardedLookup(url.hostname, allowed),
      agent: false as const,
      signal,
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
        resolve(response.statusCode ?? 0);
        response.destroy();
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  #headers(message: Notification, body: string): Record<string, string> {
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'strongroom',
      'strongroom-delivery': message.id,
    };
    const { signingKey, clock } = this.#options;
    if (!signingKey) return headers;
    const at = Math.floor(clock.now() / 1000);
    const signature = createHmac('sha256', signingKey).update(`${at}.${body}`).digest('hex');
    return { ...headers, 'strongroom-signature': `t=${at},v1=${signature}` };
  }
}
