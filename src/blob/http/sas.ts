import type { BlobAddress } from './address.ts';
import { failed, isSignedBy } from './sharedKey.ts';
import { StorageError } from './storageError.ts';

/** What an operation needs of a shared access signature. */
export interface SasNeed {
  /** Any one of these letters: read, add, create, write, delete, list. */
  readonly permissions: string;
  /** Service, container or object, for account signatures. */
  readonly resourceType: 's' | 'c' | 'o';
}

export interface SasRequest {
  readonly address: BlobAddress;
  readonly now: number;
  /** The caller's address, without an IPv6 prefix. */
  readonly remoteAddress: string;
}

const OLDEST_VERSION = '2015-04-05';

export const hasSas = ({ query }: BlobAddress): boolean => query.has('sig');

/**
 * A service or account signature over a URL ("Create a service SAS", "Create an account SAS"). Errors:
 * AuthenticationFailed (signature, time), AuthorizationPermissionMismatch and its like (it allows something else).
 */
export function checkSas(request: SasRequest, keys: readonly string[], need: SasNeed): void {
  const { address, now, remoteAddress } = request;
  const value = (name: string): string => address.query.get(name)?.[0] ?? '';
  for (const [name, values] of address.query)
    if (values.length > 1) throw failed(`The parameter ${name} stands more than once.`);
  if (value('sv') < OLDEST_VERSION) throw failed(`Versions (sv) before ${OLDEST_VERSION} are not accepted.`);
  if (value('skoid') !== '' || value('si') !== '')
    throw failed('User delegation keys and stored access policies are not kept here: sign with the account key.');
  const isAccount = value('ss') !== '' || value('srt') !== '';
  const text = isAccount ? accountText(address, value) : serviceText(address, value);
  if (!isSignedBy(text, value('sig'), keys)) throw failed('The signature (sig) does not fit the URL.');
  checkTimes(value, now);
  if (value('sip') !== '' && !isInRange(remoteAddress, value('sip')))
    throw new StorageError(
      'AuthorizationSourceIPMismatch',
      'This request is not from an address that the signature allows.',
    );
  if (isAccount && !value('ss').includes('b'))
    throw new StorageError('AuthorizationServiceMismatch', 'The signature is for other services.');
  if (isAccount && !value('srt').includes(need.resourceType))
    throw new StorageError('AuthorizationResourceTypeMismatch', 'The signature is for other types of resource.');
  if (
    (!isAccount && need.resourceType !== 'o' && need.permissions !== 'l') ||
    ![...need.permissions].some((one) => value('sp').includes(one))
  )
    throw new StorageError(
      'AuthorizationPermissionMismatch',
      'This request is not authorized to perform this operation using this permission.',
    );
}

type Value = (name: string) => string;

function accountText({ account }: BlobAddress, value: Value): string {
  const fields = ['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'].map(value);
  const scope = value('sv') >= '2020-12-06' ? [value('ses')] : [];
  return [account, ...fields, ...scope, ''].join('\n');
}

function serviceText({ account, container = '', blob = '' }: BlobAddress, value: Value): string {
  const resource = value('sr');
  if (resource !== 'b' && resource !== 'c') throw failed("The signed resource (sr) must be 'b' or 'c'.");
  const path = `/blob/${account}/${container}${resource === 'b' ? `/${blob}` : ''}`;
  const head = [value('sp'), value('st'), value('se'), path, value('si'), value('sip'), value('spr'), value('sv')];
  const middle = value('sv') >= '2018-11-09' ? [resource, value('snapshot')] : [];
  const scope = value('sv') >= '2020-12-06' ? [value('ses')] : [];
  return [...head, ...middle, ...scope, ...['rscc', 'rscd', 'rsce', 'rscl', 'rsct'].map(value)].join('\n');
}

function checkTimes(value: Value, now: number): void {
  const end = Date.parse(value('se'));
  if (!(now < end)) throw failed('The signature is no longer valid (se), or never was.');
  if (value('st') !== '' && !(Date.parse(value('st')) <= now)) throw failed('The signature is not valid yet (st).');
}

/** '10.0.0.1' or '10.0.0.1-10.0.0.9'. */
function isInRange(address: string, range: string): boolean {
  const [first = '', last = first] = range.split('-');
  const at = numberOf(address);
  return at >= numberOf(first) && at <= numberOf(last);
}

const numberOf = (address: string): number => {
  const parts = address.split('.').map(Number);
  return parts.length === 4 ? parts.reduce((sum, part) => sum * 256 + part, 0) : Number.NaN;
};
