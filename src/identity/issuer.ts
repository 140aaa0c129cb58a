import { randomUUID } from 'node:crypto';
import formbody from '@fastify/formbody';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, isoTime } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { KeyRing } from './keyRing.ts';
import { Lockout } from './lockout.ts';
import type { PrincipalStore, ServicePrincipal } from './principalStore.ts';
import { holdsSecret } from './servicePrincipals.ts';

export interface IssuerOptions {
  readonly baseUrl: string;
  readonly tenantId: string;
  readonly keys: KeyRing;
  readonly principals: PrincipalStore;
  /** What tokens may be asked for: the verifier's audiences. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

interface Refusal {
  readonly status: number;
  readonly error: string;
  /** AADSTS number. */
  readonly number: number;
  readonly why: string;
  readonly retryAfterMs?: number;
}

type Form = Readonly<Record<string, string | undefined>>;
type TenantRequest = FastifyRequest<{ Params: { tenant: string } }>;

const LIFETIME_SECONDS = 3600;
const FREE_FAILURES_A_CLIENT = 5;
const FREE_FAILURES_AN_ADDRESS = 50;

/** `iss` of every token of this server. */
export const issuerOf = (baseUrl: string, tenantId: string): string =>
  `${baseUrl.replace(/\/+$/, '')}/${tenantId}/v2.0`;

/**
 * The token issuer: client credentials under `/adfs` and under `/{tenant}`, v1 and v2, with discovery and keys.
 * Refusals have the shape and numbers of Microsoft Entra, which clients print.
 */
export function tokenIssuer(options: IssuerOptions): FastifyPluginAsync {
  const desk = new TokenDesk(options);
  return async (app) => {
    await app.register(formbody, { bodyLimit: 16_384 });
    const configuration = async (request: TenantRequest, reply: FastifyReply) =>
      desk.knows(request.params.tenant)
        ? desk.configuration(request.params.tenant)
        : refuse(reply, desk.unknownTenant(request.params.tenant), options.clock);
    const token = async (request: TenantRequest, reply: FastifyReply) => {
      const answer = await desk.token(request.params.tenant, (request.body ?? {}) as Form, request.ip);
      return 'access_token' in answer ? answer : refuse(reply, answer, options.clock);
    };
    app.get('/:tenant/.well-known/openid-configuration', configuration);
    app.get('/:tenant/v2.0/.well-known/openid-configuration', configuration);
    app.get('/:tenant/discovery/keys', async () => options.keys.jwks());
    app.get('/:tenant/discovery/v2.0/keys', async () => options.keys.jwks());
    app.get('/common/discovery/instance', async () => desk.instance());
    app.post('/:tenant/oauth2/token', token);
    app.post('/:tenant/oauth2/v2.0/token', token);
  };
}

class TokenDesk {
  readonly #options: IssuerOptions;
  readonly #base: string;
  readonly #byClient: Lockout;
  readonly #byAddress: Lockout;

  constructor(options: IssuerOptions) {
    this.#options = options;
    this.#base = options.baseUrl.replace(/\/+$/, '');
    this.#byClient = new Lockout(options.clock, FREE_FAILURES_A_CLIENT);
    this.#byAddress = new Lockout(options.clock, FREE_FAILURES_AN_ADDRESS);
  }

  /** `adfs` is az's name for an authority that is not on the internet; `common` and `organizations` mean the only tenant. */
  knows(tenant: string): boolean {
    return ['adfs', 'common', 'organizations', this.#options.tenantId.toLowerCase()].includes(tenant.toLowerCase());
  }

  unknownTenant(tenant: string): Refusal {
    const why = `Tenant '${tenant.slice(0, 64)}' not found. Check that you have the correct tenant id.`;
    return { status: 400, error: 'invalid_request', number: 90002, why };
  }

  configuration(tenant: string): object {
    const isAdfs = tenant.toLowerCase() === 'adfs';
    const root = `${this.#base}/${isAdfs ? 'adfs' : this.#options.tenantId}`;
    const version = isAdfs ? '' : '/v2.0';
    return {
      issuer: issuerOf(this.#base, this.#options.tenantId),
      authorization_endpoint: `${root}/oauth2${version}/authorize`,
      token_endpoint: `${root}/oauth2${version}/token`,
      jwks_uri: `${root}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      grant_types_supported: ['client_credentials'],
      response_types_supported: ['token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
    };
  }

  instance(): object {
    const { host } = new URL(this.#base);
    return {
      tenant_discovery_endpoint: `${this.#base}/${this.#options.tenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    };
  }

  async token(tenant: string, form: Form, address: string): Promise<Refusal | { access_token: string }> {
    if (!this.knows(tenant)) return this.unknownTenant(tenant);
    if (form.grant_type !== 'client_credentials') {
      const why = `The grant type must be 'client_credentials'.`;
      return { status: 400, error: 'unsupported_grant_type', number: 70003, why };
    }
    const audience = this.#audience(form);
    if (audience === undefined) {
      const why = `The scope must be one of ${this.#options.audiences.map((one) => `'${one}'`).join(', ')} followed by '/.default'.`;
      return { status: 400, error: 'invalid_scope', number: 70011, why };
    }
    const found = await this.#client(text(form.client_id), text(form.client_secret), address);
    return 'status' in found ? found : this.#grant(found, audience);
  }

  /** Guesses are counted for each client and address together, so that nobody can lock others out from afar. */
  async #client(appId: string, secret: string, address: string): Promise<Refusal | ServicePrincipal> {
    const key = `${appId.toLowerCase()} ${address}`;
    const retryAfterMs = Math.max(this.#byClient.remainingMs(key), this.#byAddress.remainingMs(address));
    if (retryAfterMs > 0) {
      const why = 'The sign-in is blocked for a while after too many wrong secrets.';
      return { status: 429, error: 'temporarily_unavailable', number: 50053, why, retryAfterMs };
    }
    const principal = await this.#options.principals.findByAppId(appId.toLowerCase());
    const usable = principal !== undefined && principal.disabled !== true;
    if (usable && holdsSecret(principal, secret, this.#options.clock.now())) {
      this.#byClient.succeed(key);
      return principal;
    }
    this.#byClient.fail(key);
    this.#byAddress.fail(address);
    this.#options.log.warn({ appId: appId.slice(0, 64), address }, 'a wrong client secret was given');
    if (usable) {
      const why = `Invalid client secret provided for app '${appId.slice(0, 64)}'.`;
      return { status: 401, error: 'invalid_client', number: 7000215, why };
    }
    const why = `Application with identifier '${appId.slice(0, 64)}' was not found in the directory.`;
    return { status: 400, error: 'unauthorized_client', number: 700016, why };
  }

  async #grant(principal: ServicePrincipal, audience: string) {
    const now = Math.floor(this.#options.clock.now() / 1000);
    const claims = {
      iss: issuerOf(this.#base, this.#options.tenantId),
      aud: audience,
      sub: principal.objectId,
      oid: principal.objectId,
      tid: this.#options.tenantId,
      appid: principal.appId,
      app_displayname: principal.displayName,
      idtyp: 'app',
      ver: '1.0',
      jti: randomUUID(),
      iat: now,
      nbf: now,
      exp: now + LIFETIME_SECONDS,
    };
    const accessToken = await this.#options.keys.sign(claims, 'at+jwt');
    return {
      token_type: 'Bearer',
      expires_in: LIFETIME_SECONDS,
      ext_expires_in: LIFETIME_SECONDS,
      expires_on: String(claims.exp),
      resource: audience,
      access_token: accessToken,
    };
  }

  /** v2 asks by `scope` ('{audience}/.default'), v1 by `resource`; the audience goes into the token as it was asked. */
  #audience(form: Form): string | undefined {
    const scope = text(form.scope)
      .split(' ')
      .find((one) => one.endsWith('/.default'));
    const asked = scope === undefined ? text(form.resource) : scope.slice(0, -'/.default'.length);
    return this.#options.audiences.find((audience) => audience === asked);
  }
}

function refuse(reply: FastifyReply, refusal: Refusal, clock: Clock): FastifyReply {
  const [traceId, timestamp] = [randomUUID(), isoTime(clock.now())];
  if (refusal.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(refusal.retryAfterMs / 1000)));
  return reply.code(refusal.status).send({
    error: refusal.error,
    error_description: `AADSTS${refusal.number}: ${refusal.why} Trace ID: ${traceId} Timestamp: ${timestamp}`,
    error_codes: [refusal.number],
    timestamp,
    trace_id: traceId,
    correlation_id: reply.request.id,
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
