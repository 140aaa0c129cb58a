import type { PrincipalView } from '../../arm/access.ts';
import { CodedError } from '../../lib/error.ts';

/** The forms of `$filter` that az sends to the directory, joined by 'and'. */
const FORMS: readonly [pattern: RegExp, matches: (one: PrincipalView, value: string) => boolean][] = [
  [/^servicePrincipalNames\/any\(c:\s*c eq '(.*)'\)$/i, (one, value) => same(one.appId, value)],
  [/^appId eq '(.*)'$/i, (one, value) => same(one.appId, value)],
  [/^id eq '(.*)'$/i, (one, value) => same(one.objectId, value)],
  [/^userPrincipalName eq '(.*)'$/i, (one, value) => same(one.userPrincipalName, value)],
  [/^displayName eq '(.*)'$/i, (one, value) => same(one.displayName, value)],
  [/^startswith\(displayName,\s*'(.*)'\)$/i, (one, value) => lower(one.displayName).startsWith(lower(value))],
];

/** Errors: InvalidFilter. */
export function directoryFilter(text: string | undefined): (one: PrincipalView) => boolean {
  if (text === undefined || text.trim() === '') return () => true;
  const terms = text.slice(0, 2048).split(/\s+and\s+/i);
  const checks = terms.map((term) => {
    for (const [pattern, matches] of FORMS) {
      const value = pattern.exec(term.trim())?.[1]?.replaceAll("''", "'");
      if (value !== undefined) return (one: PrincipalView) => matches(one, value);
    }
    throw new CodedError(
      'InvalidFilter',
      `The directory does not understand the filter '${term.slice(0, 128)}'; it knows servicePrincipalNames/any(c:c eq ''), appId, id, userPrincipalName and displayName eq '', startswith(displayName,'').`,
    );
  });
  return (one) => checks.every((check) => check(one));
}

const lower = (text: string): string => text.toLowerCase();
const same = (own: string | undefined, value: string): boolean => own !== undefined && lower(own) === lower(value);
