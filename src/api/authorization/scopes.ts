import type { ApiVersionRange } from '../../arm/apiVersion.ts';
import { CodedError } from '../../lib/error.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';

/** The oldest and the newest that clients in use send to Microsoft.Authorization. */
export const AUTHORIZATION_VERSIONS: ApiVersionRange = { from: '2015-06-01', to: '2026-12-31' };

const SUBSCRIPTION = '/subscriptions/{subscriptionId}';
const GROUP = `${SUBSCRIPTION}/resourceGroups/{resourceGroupName}`;
const RESOURCE = `${GROUP}/providers/{resourceProvider}/{resourceType}/{resourceName}`;
const CHILD = `${RESOURCE}/{childType}/{childName}`;
const GRANDCHILD = `${CHILD}/{grandchildType}/{grandchildName}`;
/** As deep as a protected item lies in its vault. */
const DEEPEST = `${GRANDCHILD}/{deepestType}/{deepestName}`;

/** Where roles and locks can lie: a subscription, a group, a resource, and what is in it. */
export const GROUP_SCOPES: readonly string[] = [SUBSCRIPTION, GROUP];
export const SCOPES: readonly string[] = [...GROUP_SCOPES, RESOURCE, CHILD, GRANDCHILD, DEEPEST];

const HERE = /\/providers\/Microsoft\.Authorization\/[^/]+(\/[^/]+)?$/i;

/**
 * What a path like '{scope}/providers/Microsoft.Authorization/locks/{name}' is about. Whether it exists is not asked:
 * a role may wait for its resource. Errors: SubscriptionNotFound.
 */
export function scopeOf(services: Pick<Services, 'config'>, path: string): string {
  requireSubscription(services, path.split('/')[2] ?? '');
  return path.replace(HERE, '');
}

/** Conditions of a `$filter` with functions: `atScope() and principalId eq '…'`. */
export interface ScopeFilter {
  readonly functions: ReadonlySet<string>;
  /** By name in lower case. */
  readonly values: ReadonlyMap<string, string>;
}

const TERM = /^\s*(?:(\w+)\(\s*(?:'((?:[^']|'')*)')?\s*\)|(\w+)\s+eq\s+'((?:[^']|'')*)')\s*$/i;

/**
 * `legal`: terms as they are written, `atScope()`, `assignedTo('')`, `principalId eq ''`.
 * Errors: InvalidFilter, naming them.
 */
export function parseScopeFilter(text: string | undefined, legal: readonly string[]): ScopeFilter {
  const [functions, values] = [new Set<string>(), new Map<string, string>()];
  for (const term of (text ?? '').trim() === '' ? [] : text!.split(/\s+and\s+/i)) {
    const [, call, argument, name, value] = TERM.exec(term) ?? [];
    const word = (call ?? name ?? '').toLowerCase();
    if (!legal.some((one) => (/^\w+/.exec(one)?.[0] ?? '').toLowerCase() === word) || word === '') {
      const message = `The filter '${term.slice(0, 128)}' is not understood. Legal here, joined by 'and': ${legal.join(', ')}.`;
      throw new CodedError('InvalidFilter', message, { target: '$filter' });
    }
    if (call !== undefined && argument === undefined) functions.add(word);
    else values.set(word, (argument ?? value ?? '').replaceAll("''", "'"));
  }
  return { functions, values };
}
