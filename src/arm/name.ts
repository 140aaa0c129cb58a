import { CodedError } from '../lib/error.ts';

/** What a name in a path may look like. ASCII only: two names are the same when their ASCII lower case is. */
export interface NameRule {
  /** Anchored; no `u` or `i` flag magic: ASCII classes. */
  readonly pattern: RegExp;
  /** The rule in words, after 'must be'. */
  readonly rule: string;
}

const UUID = /^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/;

export const RESOURCE_GROUP_NAME: NameRule = {
  pattern: /^[-\w.()]{0,89}[-\w()]$/,
  rule: "1 to 90 letters, digits, '_', '-', '.' or parentheses, not ending in a dot",
};

export const ANY_NAME: NameRule = {
  pattern: /^[A-Za-z0-9_;()@!$&'*+,:=~. -]{1,260}$/,
  rule: '1 to 260 printable ASCII characters without / \\ % # ? < > or quotation marks',
};

export const UUID_NAME: NameRule = { pattern: UUID, rule: 'a UUID' };

/** Errors: InvalidResourceName, InvalidSubscriptionId. */
export function checkName(parameter: string, value: string, rules: Readonly<Record<string, NameRule>> = {}): string {
  if (parameter === 'subscriptionId') {
    if (UUID.test(value)) return value;
    throw new CodedError(
      'InvalidSubscriptionId',
      `The provided subscription identifier '${printable(value)}' is malformed or invalid: it must be a UUID.`,
      { target: parameter },
    );
  }
  const rule = rules[parameter] ?? (parameter === 'resourceGroupName' ? RESOURCE_GROUP_NAME : ANY_NAME);
  if (rule.pattern.test(value) && !/^\.{1,2}$|[. ]$/.test(value)) return value;
  throw new CodedError(
    'InvalidResourceName',
    `'${printable(value)}' is no legal ${parameter}: it must be ${rule.rule}.`,
    {
      target: parameter,
    },
  );
}

/**
 * Decodes one segment of a request path, once.
 * Errors: InvalidResourceName when it is malformed, encoded twice, or holds what may not stand in a name.
 */
export function decodeSegment(raw: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch (error) {
    throw illegal(raw, 'is not percent-encoded UTF-8', error);
  }
  if (decoded.includes('%')) throw illegal(raw, "holds a '%' after decoding");
  if (decoded === '.' || decoded === '..') throw illegal(raw, 'is a relative segment');
  if (/[/\\]/.test(decoded)) throw illegal(raw, 'holds a slash');
  if (/[^\x20-\x7e]/.test(decoded)) throw illegal(raw, 'holds a character that is not printable ASCII');
  return decoded;
}

const printable = (text: string): string => text.slice(0, 128).replace(/[^\x20-\x7e]/g, '?');

const illegal = (raw: string, why: string, cause?: unknown): CodedError =>
  new CodedError('InvalidResourceName', `The path segment '${printable(raw)}' ${why}.`, { target: 'path', cause });
