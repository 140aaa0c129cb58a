import { randomBytes, randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import type { Gate } from './http/admit.ts';
import { correlationIdOf } from './http/correlation.ts';
import { parseJsonBody } from './http/jsonBody.ts';
import { notFoundError, refuseOtherMethods } from './http/notFound.ts';
import { problemOf } from './http/problem.ts';
import { answerClientError, refuseAmbiguous } from './http/refuse.ts';
import { serve } from './http/serve.ts';
import type { Authenticate, Authorize } from './principal.ts';
import type { RouteTable } from './route.ts';
import { SkipTokens } from './skipToken.ts';

export interface ArmServerOptions {
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** 'https://localhost:8443'; every URL handed out begins with it, whatever `Host` said. */
  readonly baseUrl: string;
  readonly providers: readonly RouteTable[];
  /** What answers without a bearer token: the token issuer, the metadata, the portal. */
  readonly publicPlugins?: readonly FastifyPluginAsync[];
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  /** Where a client gets a token; stands in the challenge of a 401. */
  readonly authorizationUri: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Seals `$skipToken`; 32 bytes, the same over restarts. Absent: a key of this process. */
  readonly pagingKey?: Uint8Array;
  /** Requests a minute, for each principal; default 6000. */
  readonly requestsPerMinute?: number;
  /** Default 60 000. */
  readonly handlerTimeoutMs?: number;
  /** Behind `/healthz`; default: ready. */
  readonly isReady?: () => Promise<boolean>;
}

const BODY_LIMIT_BYTES = 1_048_576;
const HEADER_LIMIT_BYTES = 16_384;
const REQUEST_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 15_000;

/** The ARM dialect over HTTPS, not yet listening. Two tables that declare one route are a bug and throw. */
export async function createArmServer(options: ArmServerOptions): Promise<FastifyInstance> {
  const app = bareServer(options);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      refuseOtherCharsets(request);
      done(null, parseJsonBody(body as Uint8Array));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    stamp(request, reply);
    refuseAmbiguous(request.raw);
  });
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], frameAncestors: ["'none'"] },
    },
    // A browser applies it to every port of a host: on localhost it would lock all other local servers out.
    strictTransportSecurity: new URL(options.baseUrl).hostname !== 'localhost',
  });
  await app.register(rateLimit, { global: false });
  app.setNotFoundHandler((request) => {
    throw notFoundError(request, options.providers);
  });
  app.get('/healthz', async (_request, reply) => {
    const ready = (await options.isReady?.()) ?? true;
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'starting' });
  });
  for (const plugin of options.publicPlugins ?? []) await app.register(plugin);
  declareRoutes(app, options);
  return app;
}

function bareServer(options: ArmServerOptions): FastifyInstance {
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const correlationId = correlationIdOf(request);
    const problem = problemOf(error, correlationId, (code) => challenge(options.authorizationUri, code));
    if (problem.isBug && !request.raw.socket.destroyed) {
      options.log.error({ err: error, correlationId, method: request.method, url: request.url }, 'request failed');
    }
    return reply
      .code(problem.status)
      .headers({ ...problem.headers })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(problem.body));
  };
  const app = fastify({
    https: {
      ...options.tls,
      minVersion: 'TLSv1.2',
      maxHeaderSize: HEADER_LIMIT_BYTES,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS / 2,
    },
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 512,
      querystringParser: (text) => Object.fromEntries(new URLSearchParams(text)),
    },
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: options.handlerTimeoutMs ?? 60_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    logger: false,
    genReqId: () => randomUUID(),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      stamp(request, reply);
      fail(error, request, reply);
    },
  }) as unknown as FastifyInstance;
  app.setErrorHandler(fail);
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    const [status, elapsedMs] = [reply.statusCode, Math.round(reply.elapsedTime)];
    options.log.info({ method, url, status, elapsedMs, correlationId: correlationIdOf(request) }, 'answered');
  });
  return app;
}

function declareRoutes(app: FastifyInstance, options: ArmServerOptions): void {
  const { clock, authorize, log } = options;
  const skipTokens = new SkipTokens(options.pagingKey ?? randomBytes(32), clock);
  const parts = { baseUrl: options.baseUrl.replace(/\/+$/, ''), authorize, skipTokens, log };
  const gate: Gate = { authenticate: options.authenticate, authorize, limit: limiter(app, options) };
  for (const table of options.providers) {
    for (const route of table.routes) serve(app, table, route, gate, parts);
  }
  refuseOtherMethods(app, options.providers);
}

function limiter(app: FastifyInstance, options: ArmServerOptions): Gate['limit'] {
  const keys = new WeakMap<FastifyRequest, string>();
  const count = app.createRateLimit({
    max: options.requestsPerMinute ?? 6000,
    timeWindow: 60_000,
    keyGenerator: (request) => keys.get(request) ?? request.ip,
  });
  return async (request, reply, key) => {
    keys.set(request, key);
    const state = await count(request);
    if (state.isAllowed) return;
    const kind = request.method === 'GET' || request.method === 'HEAD' ? 'reads' : 'writes';
    reply.header(`x-ms-ratelimit-remaining-subscription-${kind}`, String(state.remaining));
    if (!state.isExceeded) return;
    const message = `Too many requests; try again in ${state.ttlInSeconds} seconds.`;
    throw new CodedError('TooManyRequests', message, { cause: { retryAfterSeconds: state.ttlInSeconds } });
  };
}

/** The headers every answer has, errors too. */
function stamp(request: FastifyRequest, reply: FastifyReply): void {
  const client = request.headers['x-ms-client-request-id'];
  reply.headers({
    'x-ms-request-id': request.id,
    'x-ms-correlation-request-id': correlationIdOf(request),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  if (typeof client === 'string' && /^[\x21-\x7e]{1,128}$/.test(client)) reply.header('x-ms-client-request-id', client);
}

function refuseOtherCharsets(request: FastifyRequest): void {
  const charset = /;\s*charset="?([^";]*)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset === undefined || /^\s*utf-?8\s*$/i.test(charset)) return;
  throw new CodedError('UnsupportedMediaType', `The request content must be UTF-8, not '${charset.slice(0, 32)}'.`);
}

const challenge = (authorizationUri: string, code: string): string =>
  `Bearer authorization_uri="${authorizationUri}", error="${code === 'AuthenticationFailed' ? 'invalid_request' : 'invalid_token'}", error_description="${code}"`;
