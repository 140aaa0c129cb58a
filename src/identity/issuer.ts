import formbody from '@fastify/formbody';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../db/database.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { Assertions } from './issuer/assertion.ts';
import { type Form, GRANTS, TokenDesk } from './issuer/desk.ts';
import { DeviceCodes } from './issuer/deviceCodes.ts';
import { DevicePage } from './issuer/devicePage.ts';
import { refreshTokens } from './issuer/refreshTokens.ts';
import { isRefusal, refuse } from './issuer/refusal.ts';
import { SignIn } from './issuer/signIn.ts';
import { tokenMint } from './issuer/tokens.ts';
import type { KeyRing } from './keyRing.ts';
import type { PrincipalStore } from './principalStore.ts';
import type { SignInEvent } from './signInEvent.ts';

export interface IssuerOptions {
  readonly baseUrl: string;
  readonly tenantId: string;
  readonly keys: KeyRing;
  readonly principals: PrincipalStore;
  /** Keeps the refresh tokens. */
  readonly db: Database;
  /** What tokens may be asked for: the verifier's audiences, and the directory's. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every attempt, before it is answered. */
  readonly onSignIn?: (event: SignInEvent) => Promise<void>;
}

type TenantRequest = FastifyRequest<{ Params: { tenant: string } }>;

/** `iss` of every token of this server. */
export const issuerOf = (baseUrl: string, tenantId: string): string =>
  `${baseUrl.replace(/\/+$/, '')}/${tenantId}/v2.0`;

/**
 * The token issuer under `/adfs` and under `/{tenant}`, v1 and v2, with discovery and keys: client credentials by
 * secret or certificate, passwords, refresh tokens, device codes.
 * Refusals have the shape and numbers of Microsoft Entra, which clients print.
 */
export function tokenIssuer(options: IssuerOptions): FastifyPluginAsync {
  const base = options.baseUrl.replace(/\/+$/, '');
  const { tenantId, keys, clock, log, principals, audiences } = options;
  const issuer = issuerOf(base, tenantId);
  const assertions = new Assertions(clock, [issuer, ...tokenEndpoints(base, tenantId)]);
  const signIn = new SignIn({ store: principals, assertions, clock, log });
  const devices = new DeviceCodes(clock);
  const shared = { baseUrl: base, signIn, devices, onSignIn: options.onSignIn ?? (async () => {}) };
  const mint = tokenMint({ issuer, tenantId, keys, clock });
  const refresh = refreshTokens(options.db, clock);
  const desk = new TokenDesk({ ...shared, tenantId, principals, audiences, mint, refresh });
  const page = new DevicePage(shared);
  return async (app) => {
    await app.register(formbody, { bodyLimit: 16_384 });
    const answer = (reply: FastifyReply, found: object) =>
      isRefusal(found) ? refuse(reply, found, clock) : reply.send(found);
    const configuration = async (request: TenantRequest, reply: FastifyReply) => {
      const { tenant } = request.params;
      return answer(reply, desk.knows(tenant) ? discovery(base, tenantId, tenant) : desk.unknownTenant(tenant));
    };
    const token = async (request: TenantRequest, reply: FastifyReply) =>
      answer(reply, await desk.token(request.params.tenant, (request.body ?? {}) as Form, request.ip));
    const deviceCode = async (request: TenantRequest, reply: FastifyReply) =>
      answer(reply, desk.deviceCode(request.params.tenant, (request.body ?? {}) as Form));
    app.get('/:tenant/.well-known/openid-configuration', configuration);
    app.get('/:tenant/v2.0/.well-known/openid-configuration', configuration);
    app.get('/:tenant/discovery/keys', async () => keys.jwks());
    app.get('/:tenant/discovery/v2.0/keys', async () => keys.jwks());
    app.get('/common/discovery/instance', async () => instance(base, tenantId));
    for (const version of ['', '/v2.0']) {
      app.post(`/:tenant/oauth2${version}/token`, token);
      app.post(`/:tenant/oauth2${version}/devicecode`, deviceCode);
      app.get(`/:tenant/oauth2${version}/authorize`, async (_request, reply) =>
        reply.code(400).type('text/plain').send('Sign in with a device code: az login --use-device-code\n'),
      );
    }
    app.get('/:tenant/device', async (request: TenantRequest, reply) =>
      desk.knows(request.params.tenant) ? page.show(reply) : answer(reply, desk.unknownTenant(request.params.tenant)),
    );
    app.post('/:tenant/device', async (request: TenantRequest, reply) =>
      desk.knows(request.params.tenant)
        ? page.submit(request, reply)
        : answer(reply, desk.unknownTenant(request.params.tenant)),
    );
  };
}

const rootOf = (base: string, tenantId: string, isAdfs: boolean): string => `${base}/${isAdfs ? 'adfs' : tenantId}`;

const tokenEndpoints = (base: string, tenantId: string): string[] =>
  ['adfs', tenantId, 'common', 'organizations'].flatMap((tenant) => [
    `${base}/${tenant}/oauth2/token`,
    `${base}/${tenant}/oauth2/v2.0/token`,
  ]);

function discovery(base: string, tenantId: string, tenant: string): object {
  const isAdfs = tenant.toLowerCase() === 'adfs';
  const root = rootOf(base, tenantId, isAdfs);
  const version = isAdfs ? '' : '/v2.0';
  return {
    issuer: issuerOf(base, tenantId),
    authorization_endpoint: `${root}/oauth2${version}/authorize`,
    token_endpoint: `${root}/oauth2${version}/token`,
    device_authorization_endpoint: `${root}/oauth2${version}/devicecode`,
    jwks_uri: `${root}/discovery/v2.0/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256'],
    grant_types_supported: GRANTS,
    scopes_supported: ['openid', 'profile', 'offline_access'],
    response_types_supported: ['token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}

function instance(base: string, tenantId: string): object {
  const { host } = new URL(base);
  return {
    tenant_discovery_endpoint: `${base}/${tenantId}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}
