import { randomUUID } from 'node:crypto';
import type { List } from '../api/wire/list.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { ArmError } from './armError.ts';
import type { ClientConfig } from './config.ts';
import type { Http, HttpAnswer } from './http.ts';
import type { TokenSource } from './token.ts';
import type { Trace } from './trace.ts';

/** The api-version this client speaks to each provider. */
export const API = {
  subscriptions: '2022-12-01',
  identity: '2026-01-01',
  authorization: '2022-04-01',
  resources: '2024-11-01',
  compute: '2024-11-01',
  vault: '2024-04-01',
  backup: '2025-02-01',
} as const;

export type Provider = keyof typeof API;

export interface ArmCall {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

export interface ArmAnswer<T> {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  /** undefined: the answer has no body. */
  readonly body: T | undefined;
}

export interface ArmClient {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly endpoint: string;
  /** Paths start with '/'; an absolute URL must be the server's own. Errors: ArmError, and those of Http. */
  send<T>(method: string, provider: Provider, path: string, call?: ArmCall): Promise<ArmAnswer<T>>;
  get<T>(provider: Provider, path: string, call?: ArmCall): Promise<T>;
  /** undefined: it does not exist. */
  find<T>(provider: Provider, path: string, call?: ArmCall): Promise<T | undefined>;
  /** An answer that is no JSON, as it stands. */
  text(provider: Provider, path: string): Promise<string>;
  /** All pages. */
  list<T>(provider: Provider, path: string, call?: ArmCall): Promise<T[]>;
}

export interface ArmClientParts {
  readonly config: ClientConfig;
  readonly http: Http;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly signal: AbortSignal;
}

const RETRIES = 4;

export function createArmClient(parts: ArmClientParts): ArmClient {
  const { config } = parts;
  const send: ArmClient['send'] = async <T>(method: string, provider: Provider, path: string, call: ArmCall = {}) => {
    const url = urlOf(config.endpoint, provider, path, call.query);
    const answer = await exchange(parts, method, url, call.body);
    const body = parseBody(answer, url);
    if (answer.status < 200 || answer.status > 299) throw new ArmError(answer.status, body);
    return { status: answer.status, headers: answer.headers, body: body as T | undefined };
  };
  const get = async <T>(provider: Provider, path: string, call?: ArmCall): Promise<T> => {
    const { body, status } = await send<T>('GET', provider, path, call);
    if (body === undefined) throw answerInvalid(path, `status ${status} without a body`);
    return body;
  };
  return {
    subscriptionId: config.subscriptionId,
    tenantId: config.tenantId,
    clientId: config.clientId,
    endpoint: config.endpoint,
    send,
    get,
    text: async (provider, path) => {
      const url = urlOf(config.endpoint, provider, path);
      const answer = await exchange(parts, 'GET', url, undefined);
      if (answer.status < 200 || answer.status > 299) throw new ArmError(answer.status, parseBody(answer, url));
      return answer.text;
    },
    find: async (provider, path, call) => {
      try {
        return await get(provider, path, call);
      } catch (error) {
        if (error instanceof ArmError && error.status === 404) return undefined;
        throw error;
      }
    },
    list: async <T>(provider: Provider, path: string, call?: ArmCall) => {
      const all: T[] = [];
      for (let next: string | undefined = path, query = call; next !== undefined; query = {}) {
        const page: List<T> = await get<List<T>>(provider, next, query);
        if (!Array.isArray(page.value)) throw answerInvalid(next, 'a list without value');
        all.push(...page.value);
        next = page.nextLink || undefined;
      }
      return all;
    },
  };
}

function urlOf(endpoint: string, provider: Provider, path: string, query: ArmCall['query'] = {}): string {
  const absolute = URL.canParse(path);
  const url = absolute ? new URL(path) : new URL(endpoint + path);
  // The token goes to this server alone, whatever a nextLink or a Location says.
  if (url.origin !== new URL(endpoint).origin) throw answerInvalid(path, 'an address of another server');
  if (!url.searchParams.has('api-version')) url.searchParams.set('api-version', API[provider]);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

async function exchange(parts: ArmClientParts, method: string, url: string, body: unknown): Promise<HttpAnswer> {
  let signedInAgain = false;
  for (let attempt = 1; ; attempt++) {
    const answer = await sendOnce(parts, method, url, body);
    if (answer.status === 401 && !signedInAgain) {
      signedInAgain = true;
      parts.tokens.forget();
    } else if (attempt <= RETRIES && mayRetry(method, answer.status)) {
      await parts.clock.sleep(retryAfterMs(answer.headers, 2000), parts.signal);
    } else {
      return answer;
    }
  }
}

/** 429 was not carried out, so it may be sent again; after 503 only a read is known to be harmless. */
const mayRetry = (method: string, status: number): boolean => status === 429 || (status === 503 && method === 'GET');

/** How long the server asks to wait, ms; `otherwiseMs` when it does not say. */
export function retryAfterMs(headers: HttpAnswer['headers'], otherwiseMs: number): number {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(Math.max(seconds, 1), 120) * 1000 : otherwiseMs;
}

async function sendOnce(parts: ArmClientParts, method: string, url: string, body: unknown): Promise<HttpAnswer> {
  const { http, tokens, trace, clock, signal } = parts;
  const token = await tokens.get(signal);
  const text = body === undefined ? undefined : JSON.stringify(body);
  trace.line(`> ${method} ${url}`);
  if (text !== undefined) trace.line(`> ${withoutSecrets(text)}`);
  const startedAt = clock.now();
  const answer = await http.send({
    method,
    url,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      'x-ms-client-request-id': randomUUID(),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: text,
    signal,
  });
  const requestId = String(answer.headers['x-ms-request-id'] ?? '-');
  trace.line(`< ${answer.status} (${clock.now() - startedAt} ms) request ${requestId}`);
  if (answer.text !== '') trace.line(`< ${withoutSecrets(answer.text)}`);
  return answer;
}

/** New secrets and passwords, which no `hide` knows yet. */
const withoutSecrets = (json: string): string =>
  json.replace(/"(secretText|password)"\s*:\s*"(?:[^"\\]|\\.)*"/gi, '"$1":"***"');

function parseBody(answer: HttpAnswer, url: string): unknown {
  if (answer.text === '') return undefined;
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    if (answer.status > 299) return undefined;
    throw answerInvalid(url, 'a body that is not JSON', error);
  }
}

const answerInvalid = (where: string, what: string, cause?: unknown): CodedError =>
  new CodedError('ServerAnswerInvalid', `The server answered with ${what}: ${where}`, {
    target: where,
    ...(cause === undefined ? {} : { cause }),
  });
