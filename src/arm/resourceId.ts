import { CodedError } from '../lib/error.ts';
import { ANY_NAME, RESOURCE_GROUP_NAME, UUID_NAME } from './name.ts';

/** An ARM id, taken apart. Names keep their case; `resourceKey` compares. */
export interface ResourceId {
  readonly subscriptionId?: string;
  readonly resourceGroup?: string;
  /** 'Microsoft.RecoveryServices'; absent for subscriptions and resource groups. */
  readonly provider?: string;
  /** Type and name, outermost first. */
  readonly segments: readonly { readonly type: string; readonly name: string }[];
}

const MAX_LENGTH = 2048;
const TYPE = /^[A-Za-z][A-Za-z0-9]{0,127}$/;
const NAMESPACE = /^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*$/;

/** Doubled and trailing slashes are forgiven, as clients write them. Errors: InvalidResourceName. */
export function parseResourceId(text: string): ResourceId {
  if (text.length > MAX_LENGTH) throw illegal(text, `is longer than ${MAX_LENGTH} characters`);
  if (!text.startsWith('/')) throw illegal(text, "does not begin with '/'");
  const parts = text.split('/').filter((part) => part !== '');
  const id: { -readonly [Key in keyof ResourceId]: ResourceId[Key] } = { segments: [] };
  if (isWord(parts[0], 'subscriptions')) {
    id.subscriptionId = named(text, parts.splice(0, 2)[1], UUID_NAME);
    if (isWord(parts[0], 'resourcegroups')) {
      id.resourceGroup = named(text, parts.splice(0, 2)[1], RESOURCE_GROUP_NAME);
    }
  }
  if (parts.length > 0) {
    if (!isWord(parts[0], 'providers'))
      throw illegal(text, `has '${printable(parts[0] ?? '')}' where 'providers' is due`);
    id.provider = named(text, parts[1], { pattern: NAMESPACE, rule: 'a provider namespace' });
    id.segments = pairs(text, parts.slice(2));
  } else if (id.subscriptionId === undefined) {
    throw illegal(text, 'names nothing');
  }
  return id;
}

export function formatResourceId(id: ResourceId): string {
  let text = '';
  if (id.subscriptionId !== undefined) text += `/subscriptions/${id.subscriptionId}`;
  if (id.resourceGroup !== undefined) text += `/resourceGroups/${id.resourceGroup}`;
  if (id.provider !== undefined) text += `/providers/${id.provider}`;
  for (const segment of id.segments) text += `/${segment.type}/${segment.name}`;
  return text;
}

/** The one canonical form for indexes, RBAC and comparison. ASCII lower case, never of a locale. */
export const resourceKey = (id: ResourceId | string): string =>
  (typeof id === 'string' ? id : formatResourceId(id)).replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** 'Microsoft.RecoveryServices/vaults/backupPolicies'; for a group or subscription its own type. */
export function resourceType(id: ResourceId): string {
  if (id.provider !== undefined) return [id.provider, ...id.segments.map((segment) => segment.type)].join('/');
  return id.resourceGroup === undefined
    ? 'Microsoft.Resources/subscriptions'
    : 'Microsoft.Resources/subscriptions/resourceGroups';
}

function pairs(text: string, parts: readonly string[]): ResourceId['segments'] {
  if (parts.length === 0 || parts.length % 2 !== 0) throw illegal(text, 'must go on in pairs of type and name');
  const segments = [];
  for (let i = 0; i < parts.length; i += 2) {
    segments.push({
      type: named(text, parts[i], { pattern: TYPE, rule: 'a resource type' }),
      name: named(text, parts[i + 1], ANY_NAME),
    });
  }
  return segments;
}

function named(text: string, part: string | undefined, rule: { pattern: RegExp; rule: string }): string {
  if (part === undefined) throw illegal(text, 'ends too early');
  if (!rule.pattern.test(part) || /^\.{1,2}$|[. ]$/.test(part)) {
    throw illegal(text, `has '${printable(part)}' where ${rule.rule} is due`);
  }
  return part;
}

const isWord = (part: string | undefined, word: string): boolean => part !== undefined && resourceKey(part) === word;

const printable = (text: string): string => text.slice(0, 256).replace(/[^\x20-\x7e]/g, '?');

const illegal = (text: string, why: string): CodedError =>
  new CodedError('InvalidResourceName', `The resource id '${printable(text)}' ${why}.`);
