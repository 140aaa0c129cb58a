import { CodedError } from '../../lib/error.ts';

/** Query parameters by lower-case name: ARM compares their names without case. */
export type Query = ReadonlyMap<string, string>;

const MAX_PARAMETERS = 64;

/** Errors: InvalidParameter on doubled parameters, control characters and broken encodings. */
export function parseQuery(text: string): Query {
  const query = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const split = part.indexOf('=');
    const name = decode(split < 0 ? part : part.slice(0, split)).toLowerCase();
    const value = decode(split < 0 ? '' : part.slice(split + 1));
    if (query.has(name)) throw invalid(name, 'is given twice');
    if (/\p{Cc}/u.test(name + value)) throw invalid(name, 'holds a control character');
    query.set(name, value);
    if (query.size > MAX_PARAMETERS) throw invalid(name, `is one of more than ${MAX_PARAMETERS} parameters`);
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    throw invalid(text, 'is not percent-encoded UTF-8', error);
  }
}

const invalid = (name: string, why: string, cause?: unknown): CodedError => {
  const shown = name.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
  return new CodedError('InvalidParameter', `The query parameter '${shown}' ${why}.`, { target: shown, cause });
};
