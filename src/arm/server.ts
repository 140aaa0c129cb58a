import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
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
import type { AuditTrail } from './auditTrail.ts';
import type { Gate } from './http/admit.ts';
import { setBodyDeadline } from './http/bodyDeadline.ts';
import { correlationIdOf } from './http/correlation.ts';
import { parseJsonBody } from './http/jsonBody.ts';
import { notFoundError, refuseOtherMethods } from './http/notFound.ts';
import { problemOf } from './http/problem.ts';
import { answerClientError, refuseAmbiguous } from './http/refuse.ts';
import { serve } from './http/serve.ts';
import type { Authenticate, Authorize, HoldsRole, LockedBy } from './principal.ts';
import type { ArmResult } from './respond.ts';
import type { Route, RouteTable } from './route.ts';
import { SkipTokens } from './skipToken.ts';

export interface ArmServerOptions {
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** 'https://localhost:8443'; every URL handed out begins with it, whatever `Host` said. */
  readonly baseUrl: string;
  readonly providers: readonly RouteTable[];
  /** What answers without a bearer token: the token issuer, the metadata, the portal. */
  readonly publicPlugins?: readonly FastifyPluginAsync[];
  /** Sees every request of the listener first, and answers whether it has taken it: what is no part of ARM. */
  readonly besides?: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  /** Absent: nobody sees a part of a list, and everybody knows every scope. */
  readonly holdsRole?: HoldsRole;
  /** Absent: nothing is locked. */
  readonly lockedBy?: LockedBy;
  readonly audit?: AuditTrail;
  /** The ids there are: who may do nothing in another learns that it is none. Absent: nobody learns it. */
  readonly subscriptions?: readonly string[];
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
  /** Sees what handlers answer; tests compare it with what their routes declare. */
  readonly onAnswer?: (route: Route, result: ArmResult) => void;
}

const BODY_LIMIT_BYTES = 1_048_576;
const HEADER_LIMIT_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 15_000;
const HANDSHAKE_TIMEOUT_MS = 15_000;

/** The ARM dialect over HTTPS, not yet listening. Two tables that declare one route are a bug and throw. */
export async function createArmServer(options: ArmServerOptions): Promise<FastifyInstance> {
  const app = bareServer(options);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      refuseOtherCharsets(request);
      const { relaxedBody } = request.routeOptions.config as { relaxedBody?: boolean };
      done(null, parseJsonBody(body as Uint8Array, relaxedBody));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    setBodyDeadline(request, reply, options.clock);
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
  if (options.besides) letIn(app, options.besides);
  return app;
}

function letIn(app: FastifyInstance, besides: NonNullable<ArmServerOptions['besides']>): void {
  const own = app.server.listeners('request') as RequestListener[];
  app.server.removeAllListeners('request');
  app.server.on('request', (request, response) => {
    if (!besides(request, response)) for (const listener of own) listener(request, response);
  });
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
      headersTimeout: HEADERS_TIMEOUT_MS,
    },
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 512,
      querystringParser: (text) => Object.fromEntries(new URLSearchParams(text)),
    },
    bodyLimit: BODY_LIMIT_BYTES,
    // bodies have a deadline of their own
    requestTimeout: 0,
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
  const lockedBy: LockedBy = options.lockedBy ?? (async () => []);
  const holdsRole: HoldsRole = options.holdsRole ?? (async (_who, _scope, around) => around !== undefined);
  const skipTokens = new SkipTokens(options.pagingKey ?? randomBytes(32), clock);
  const parts = {
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    authorize,
    holdsRole,
    lockedBy,
    skipTokens,
    clock,
    log,
    ...(options.onAnswer && { onAnswer: options.onAnswer }),
    ...(options.audit && { audit: options.audit }),
  };
  const gate: Gate = {
    authenticate: options.authenticate,
    authorize,
    holdsRole,
    lockedBy,
    limit: limiter(app, options),
    ...(options.audit && { audit: options.audit }),
    ...(options.subscriptions && { subscriptions: options.subscriptions }),
  };
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
