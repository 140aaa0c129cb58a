import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { ArmError } from './armError.ts';
import type { ClientConfig } from './config.ts';
import type { Http } from './http.ts';
import type { Trace } from './trace.ts';

export interface TokenSource {
  /** A token good for at least a minute, kept in memory only. Errors: ArmError with the authority's code. */
  get(signal: AbortSignal): Promise<string>;
  /** Lets the kept token go: the server refused it. */
  forget(): void;
}

const RENEW_BEFORE_MS = 60_000;

/** Signs in with the client credentials grant at `{endpoint}/adfs/oauth2/token`. */
export function createTokenSource(config: ClientConfig, http: Http, clock: Clock, trace: Trace): TokenSource {
  let kept: { readonly token: string; readonly goodUntil: number } | undefined;
  trace.hide(config.clientSecret);
  return {
    get: async (signal) => {
      if (kept && clock.now() < kept.goodUntil) return kept.token;
      const { token, lifeMs } = await requestToken(config, http, signal, trace);
      trace.hide(token);
      kept = { token, goodUntil: clock.now() + lifeMs - RENEW_BEFORE_MS };
      return token;
    },
    forget: () => {
      kept = undefined;
    },
  };
}

async function requestToken(
  config: ClientConfig,
  http: Http,
  signal: AbortSignal,
  trace: Trace,
): Promise<{ token: string; lifeMs: number }> {
  const url = `${config.endpoint}/adfs/oauth2/token`;
  trace.line(`> POST ${url} (client credentials of ${config.clientId})`);
  const answer = await http.send({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: config.clientId,
      client_secret: config.clientSecret,
      scope: `${config.endpoint}/.default`,
    }).toString(),
    signal,
  });
  trace.line(`< ${answer.status}`);
  const fields = parse(answer.text);
  if (answer.status === 200 && typeof fields.access_token === 'string') {
    const lifeSeconds = Number(fields.expires_in);
    return { token: fields.access_token, lifeMs: Number.isFinite(lifeSeconds) ? lifeSeconds * 1000 : 0 };
  }
  if (typeof fields.error !== 'string') {
    throw new CodedError('ServerAnswerInvalid', `${url} answered ${answer.status} without a token.`, { target: url });
  }
  const why = typeof fields.error_description === 'string' ? fields.error_description : fields.error;
  const message = `Signing in as ${config.clientId} failed: ${why}`;
  throw new ArmError(answer.status, { error: { code: fields.error, message } });
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Whatever it is, it is not a token: the caller says so with the status.
    return {};
  }
}
