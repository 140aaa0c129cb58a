import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { CodedError, isSystemError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import type { BlobStore } from './blobStore.ts';
import { accountOf, addressOf, type BlobAddress, type EndpointNames } from './http/address.ts';
import type { Exchange } from './http/exchange.ts';
import { type Operation, operationOf } from './http/operations.ts';
import { RequestRate } from './http/requestRate.ts';
import { checkSas, hasSas } from './http/sas.ts';
import { checkSharedKey } from './http/sharedKey.ts';
import { StorageError } from './http/storageError.ts';
import { element, textElement, xmlDocument } from './http/xml.ts';

/** A storage account, as its resource is now. */
export interface StorageAccount {
  /** ARM id. */
  readonly id: string;
  /** Base64; none: only bearer tokens come in. */
  readonly keys: readonly string[];
}

/** Who has an account here, and what else may come in. */
export interface StorageAccounts {
  find(account: string): Promise<StorageAccount | undefined>;
  /** Whether the bearer may do it there. Errors: those of a token that is not valid. */
  bearerMay(authorization: string, action: string, scope: string): Promise<boolean>;
}

export interface BlobEndpointOptions extends EndpointNames {
  readonly store: BlobStore;
  readonly accounts: StorageAccounts;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where a client gets a token; stands in the challenge of a 401. */
  readonly authorizationUri?: string;
  /** Of one account, and failed ones of one address; default 6000. */
  readonly requestsPerMinute?: number;
}

const REQUESTS_PER_MINUTE = 6000;
const VERSION = '2025-05-05';
const ACTIONS = 'Microsoft.Storage/storageAccounts/blobServices/containers';

/**
 * The data plane of the storage accounts, in the Blob service's own protocol. Answers whether the request is one for
 * it; it has then been taken.
 */
export function blobEndpoint(
  options: BlobEndpointOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const rate = new RequestRate(options.clock, options.requestsPerMinute ?? REQUESTS_PER_MINUTE);
  return (request, response) => {
    const account = accountOf(request, options);
    if (account === undefined) return false;
    void take({ ...options, rate }, request, response, account);
    return true;
  };
}

async function take(
  options: BlobEndpointOptions & { readonly rate: RequestRate },
  request: IncomingMessage,
  response: ServerResponse,
  account: string,
): Promise<void> {
  const requestId = randomUUID();
  stamp(request, response, requestId);
  // what is left of a body that nobody reads would hold the connection
  response.once('finish', () => request.complete || request.socket.destroySoon());
  try {
    const address = addressOf(request, account, options);
    const exchange: Exchange = { request, response, address, store: options.store, clock: options.clock };
    const operation = await admitted(options, exchange);
    await operation.run(exchange);
  } catch (error) {
    answerError(options, request, response, error, requestId);
  } finally {
    const { method, headers } = request;
    // the query may hold a signature
    options.log.info(
      { method, host: headers.host, path: request.url?.split('?')[0], status: response.statusCode, requestId },
      'answered',
    );
  }
}

/** Those who are let in count for their account, others for their address. Errors: ServerBusy, and of `admit`. */
async function admitted(
  options: BlobEndpointOptions & { readonly rate: RequestRate },
  exchange: Exchange,
): Promise<Operation> {
  const { rate } = options;
  let operation: Operation;
  try {
    operation = await admit(options, exchange);
  } catch (error) {
    rate.spend(`address:${exchange.request.socket.remoteAddress ?? ''}`);
    throw error;
  }
  rate.spend(`account:${exchange.address.account}`);
  return operation;
}

/** Who, then what, then whether: nobody without a key learns what is there. */
async function admit(options: BlobEndpointOptions, exchange: Exchange): Promise<Operation> {
  const { request, address } = exchange;
  const authorization = request.headers.authorization ?? '';
  const account = await options.accounts.find(address.account);
  if (!account) throw new StorageError('ResourceNotFound', `There is no storage account '${address.account}' here.`);
  const now = options.clock.now();
  if (/^bearer /i.test(authorization)) {
    const operation = operationOf(exchange);
    await checkBearer(options, account, address, operation, authorization);
    return operation;
  }
  if (authorization === '' && !hasSas(address))
    throw new StorageError(
      'NoAuthenticationInformation',
      'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
    );
  if (account.keys.length === 0)
    throw new StorageError(
      'KeyBasedAuthenticationNotPermitted',
      'Key based authentication is not permitted on this storage account.',
    );
  if (authorization !== '') {
    checkSharedKey({ method: request.method ?? '', headers: request.headers, address }, account.keys, now);
    return operationOf(exchange);
  }
  const operation = operationOf(exchange);
  const remoteAddress = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  checkSas({ address, now, remoteAddress }, account.keys, operation.sas);
  return operation;
}

async function checkBearer(
  { accounts }: BlobEndpointOptions,
  account: StorageAccount,
  { container }: BlobAddress,
  { action }: Operation,
  authorization: string,
): Promise<void> {
  const service = `${account.id}/blobServices/default`;
  const scope = container === undefined ? service : `${service}/containers/${container}`;
  let may: boolean;
  try {
    may = await accounts.bearerMay(authorization, `${ACTIONS}/${action}`, scope);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new StorageError('InvalidAuthenticationInfo', error.message, error);
  }
  if (!may)
    throw new StorageError(
      'AuthorizationPermissionMismatch',
      'This request is not authorized to perform this operation using this permission.',
    );
}

function stamp(request: IncomingMessage, response: ServerResponse, requestId: string): void {
  const client = request.headers['x-ms-client-request-id'];
  const version = request.headers['x-ms-version'];
  response.setHeader('x-ms-request-id', requestId);
  response.setHeader(
    'x-ms-version',
    typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) ? version : VERSION,
  );
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if (typeof client === 'string' && /^[\x21-\x7e]{1,128}$/.test(client))
    response.setHeader('x-ms-client-request-id', client);
}

function answerError(
  { log, authorizationUri }: BlobEndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  requestId: string,
): void {
  const refusal = translated(error);
  if (response.headersSent || request.socket.destroyed) return void response.destroy();
  if (!refusal) log.error({ err: error, requestId }, 'a blob request met a bug');
  const { status, code, message } =
    refusal ?? new StorageError('InternalError', 'The server encountered an internal error.');
  // what is left of the body is not read
  if (!request.complete) response.setHeader('connection', 'close');
  if (code === 'ServerBusy') response.setHeader('retry-after', '60');
  response.setHeader('x-ms-error-code', code);
  if (status === 401)
    response.setHeader(
      'www-authenticate',
      `Bearer authorization_uri=${authorizationUri ?? ''} resource_id=https://storage.azure.com`,
    );
  const body = `${message}\nRequestId:${requestId}`;
  const bytes = Buffer.from(xmlDocument(element('Error', textElement('Code', code) + textElement('Message', body))));
  if (status === 304 || request.method === 'HEAD') response.writeHead(status).end();
  else response.writeHead(status, { 'content-type': 'application/xml', 'content-length': bytes.length }).end(bytes);
}

/** Undefined: a bug. */
function translated(error: unknown): StorageError | undefined {
  if (error instanceof StorageError) return error;
  if (isSystemError(error, 'ENOSPC') || isSystemError(error, 'EDQUOT'))
    return new StorageError('InsufficientStorage', 'The disk of the storage account is full.', error);
  // files go before names do: whoever deletes a container or a blob wins
  if (isSystemError(error, 'ENOENT'))
    return new StorageError('ResourceNotFound', 'The container or blob was deleted meanwhile.', error);
  if (isSystemError(error, 'ECONNRESET') || isSystemError(error, 'ERR_STREAM_PREMATURE_CLOSE'))
    return new StorageError('InvalidInput', 'The connection ended before the request.', error);
  return undefined;
}
