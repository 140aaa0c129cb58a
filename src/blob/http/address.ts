import type { IncomingMessage } from 'node:http';
import { StorageError } from './storageError.ts';

/** What a request names. */
export interface BlobAddress {
  /** Lower case. */
  readonly account: string;
  readonly container?: string;
  readonly blob?: string;
  /** As the client sent it, with a leading slash: part of what it signed. */
  readonly rawPath: string;
  /** By lower-case name; values decoded, several in the order they came. */
  readonly query: ReadonlyMap<string, readonly string[]>;
}

export interface EndpointNames {
  /** 'localhost': accounts are `{account}.blob.localhost`. */
  readonly host: string;
}

const ACCOUNT = /^[a-z0-9]{3,24}$/;
const CONTAINER = /^(\$root|\$logs|\$web|[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62})$/;
const MAX_BLOB_NAME = 1024;

/** The account that a request is for by its host name or its path; undefined: it is no request for a blob endpoint. */
export function accountOf(request: IncomingMessage, { host }: EndpointNames): string | undefined {
  const asked = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const suffix = `.blob.${host.toLowerCase()}`;
  if (asked.endsWith(suffix)) return asked.slice(0, -suffix.length);
  return /^\/blob\/([^/?]*)/.exec(request.url ?? '')?.[1];
}

/** Errors: InvalidUri, InvalidResourceName. */
export function addressOf(request: IncomingMessage, account: string, names: EndpointNames): BlobAddress {
  const [rawPath = '/', ...rest] = (request.url ?? '/').split('?');
  if (!ACCOUNT.test(account))
    throw new StorageError('InvalidUri', 'An account name is 3 to 24 lower-case letters and digits.');
  const byHost = (request.headers.host ?? '')
    .toLowerCase()
    .replace(/:\d+$/, '')
    .endsWith(`.blob.${names.host.toLowerCase()}`);
  const path = byHost ? rawPath : rawPath.slice(`/blob/${account}`.length);
  const [container = '', ...blob] = path.replace(/^\/+/, '').split('/').map(decode);
  const name = blob.join('/');
  if (container !== '' && !CONTAINER.test(container))
    throw new StorageError(
      'InvalidResourceName',
      "A container's name is 3 to 63 lower-case letters, digits and single hyphens, and begins and ends with a letter or digit.",
    );
  if (name !== '') checkBlobName(name);
  return {
    account,
    ...(container === '' ? {} : { container }),
    ...(name === '' ? {} : { blob: name }),
    rawPath,
    query: queryOf(rest.join('?')),
  };
}

/** Errors: InvalidResourceName. */
function checkBlobName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (name.length <= MAX_BLOB_NAME && !/[\u0000-\u001f\u007f\ufffe\uffff]/.test(name) && name.isWellFormed()) return;
  throw new StorageError(
    'InvalidResourceName',
    `A blob's name has 1 to ${MAX_BLOB_NAME} characters and no control characters.`,
  );
}

function queryOf(text: string): ReadonlyMap<string, readonly string[]> {
  const query = new Map<string, string[]>();
  for (const pair of text.split('&').filter((one) => one !== '')) {
    const [name = '', ...value] = pair.split('=');
    const key = decode(name).toLowerCase();
    query.set(key, [...(query.get(key) ?? []), decode(value.join('='))]);
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new StorageError('InvalidUri', 'The requested URI is not percent-encoded UTF-8.', error);
  }
}
