import { type CodedError, type ErrorCode, httpStatus, isCoded } from '../../lib/error.ts';

/** An error as ARM answers it. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: Readonly<Record<string, unknown>> };
  /** Not an expected failure: it goes to the log, never to the caller. */
  readonly isBug: boolean;
}

/** What Fastify itself refuses. */
const FRAMEWORK: Readonly<Record<string, { status: number; code: string; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    status: 413,
    code: 'RequestEntityTooLarge',
    message: 'The request content is larger than 1 MiB.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'UnsupportedMediaType',
    message: "The request content must be 'application/json' in UTF-8, not compressed.",
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'InvalidRequestContent',
    message: 'The request content is not as long as its Content-Length says.',
  },
  FST_ERR_BAD_URL: { status: 400, code: 'InvalidResourceName', message: 'The request path is malformed.' },
  FST_ERR_INVALID_URL: { status: 400, code: 'InvalidResourceName', message: 'The request path is malformed.' },
  FST_ERR_MAX_PARAM_LENGTH: {
    status: 400,
    code: 'InvalidResourceName',
    message: 'A segment of the request path is too long.',
  },
  FST_ERR_HANDLER_TIMEOUT: {
    status: 503,
    code: 'ServiceUnavailable',
    message: 'The request took too long; it may still take effect. Read the resource before trying again.',
  },
};

/** What Resource Manager itself answers in Azure, before a resource provider is asked: such answers say so. */
const OF_GATEWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MissingApiVersionParameter',
  'InvalidApiVersionParameter',
  'NoRegisteredProviderFound',
  'InvalidResourceNamespace',
  'InvalidResourceType',
  'InvalidSubscriptionId',
  'SubscriptionNotFound',
  'ResourceGroupNotFound',
  'ResourceNotFound',
  'ParentResourceNotFound',
  'AuthenticationFailed',
  'InvalidAuthenticationToken',
  'InvalidAuthenticationTokenTenant',
  'ExpiredAuthenticationToken',
  'AuthorizationFailed',
  'ScopeLocked',
]);

export function problemOf(error: unknown, correlationId: string, challenge: (code: string) => string): Problem {
  if (isCoded(error)) return expected(error, challenge);
  const refused = FRAMEWORK[(error as { code?: string } | null)?.code ?? ''];
  if (refused) {
    const { status, code, message } = refused;
    return { status, headers: {}, body: { error: { code, message } }, isBug: false };
  }
  const message = `The server failed unexpectedly. Its log tells more under the correlation id '${correlationId}'.`;
  return { status: 500, headers: {}, body: { error: { code: 'InternalServerError', message } }, isBug: true };
}

function expected(error: CodedError, challenge: (code: string) => string): Problem {
  const status = httpStatus(error.code);
  const body: Record<string, unknown> = { code: error.code, message: error.message };
  if (error.target !== undefined) body.target = error.target;
  if (error.details.length > 0) body.details = error.details;
  if (error.recommendations.length > 0) {
    body.additionalInfo = [{ type: 'Recommendations', info: { recommendations: error.recommendations } }];
  }
  const headers: Record<string, string> = OF_GATEWAY.has(error.code) ? { 'x-ms-failure-cause': 'gateway' } : {};
  if (status === 401) headers['www-authenticate'] = challenge(error.code);
  if (status === 503) headers['retry-after'] = '5';
  if (status === 429) headers['retry-after'] = String(retryAfterSeconds(error.cause));
  return { status, headers, body: { error: body }, isBug: error.code === 'InternalServerError' };
}

/** The limiter tells it in the error's cause. */
const retryAfterSeconds = (cause: unknown): number =>
  Math.max(1, Number((cause as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds ?? 1));
