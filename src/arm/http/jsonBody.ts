import { CodedError } from '../../lib/error.ts';
import { strictJson } from './relaxedJson.ts';

export const MAX_DEPTH = 32;
const MAX_KEYS = 10_000;
const FORBIDDEN: readonly string[] = ['__proto__', 'constructor'];
const NUMBER = /-?\d[\d.eE+-]*/y;

/**
 * Strict JSON of a request body; an empty one is undefined. JSON.parse decides the syntax; the scan before it
 * refuses what JSON.parse would take silently: depth, duplicate keys, keys that name a prototype, numbers that
 * are not finite. `relaxed`: it may be written as templates are. Errors: InvalidRequestContent.
 */
export function parseJsonBody(bytes: Uint8Array, relaxed = false): unknown {
  if (bytes.length === 0) return undefined;
  const text = relaxed ? strictJson(decode(bytes)) : decode(bytes);
  if (text.trim() === '') return undefined;
  scan(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'syntax error';
    const shown = why.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
    throw invalid(`The request content was invalid and could not be deserialized: '${shown}'.`, error);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.startsWith('\uFEFF')) return text;
  } catch (error) {
    throw invalid('The request content must be UTF-8.', error);
  }
  throw invalid('The request content must not begin with a byte order mark.');
}

function scan(text: string): void {
  /** Keys of the objects around the place; an array has none. */
  const open: (Set<string> | undefined)[] = [];
  let keys = 0;
  let keyDue = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > MAX_DEPTH) throw invalid(`The request content is nested deeper than ${MAX_DEPTH} levels.`);
      keyDue = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      keyDue = false;
    } else if (character === ',') {
      keyDue = open.at(-1) !== undefined;
    } else if (character === '"') {
      const token = stringAt(text, at);
      if (token === undefined) return; // unterminated: JSON.parse says so
      if (keyDue) {
        keys += 1;
        noteKey(token, open.at(-1), keys);
      }
      keyDue = false;
      at += token.length - 1;
    } else if (character === '-' || (character !== undefined && character >= '0' && character <= '9')) {
      const token = numberAt(text, at);
      if (Math.abs(Number(token)) === Infinity) throw invalid(`The number ${token.slice(0, 32)} is out of range.`);
      at += token.length - 1;
    }
  }
}

function noteKey(token: string, siblings: Set<string> | undefined, count: number): void {
  if (count > MAX_KEYS) throw invalid(`The request content has more than ${MAX_KEYS} fields.`);
  const key = keyOf(token);
  if (key === undefined) return; // a bad escape: JSON.parse says so
  if (FORBIDDEN.includes(key)) throw invalid(`'${key}' is not a legal field name.`, undefined, key);
  if (siblings?.has(key)) throw invalid(`The field '${key.slice(0, 64)}' stands twice in one object.`, undefined, key);
  siblings?.add(key);
}

function keyOf(token: string): string | undefined {
  if (!token.includes('\\')) return token.slice(1, -1);
  try {
    return JSON.parse(token) as string;
  } catch {
    return undefined;
  }
}

/** A loop, not a pattern: a string may be as long as the body, and a pattern would keep a way back for each character. */
function stringAt(text: string, start: number): string | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return text.slice(start, at + 1);
  }
  return undefined;
}

function numberAt(text: string, start: number): string {
  NUMBER.lastIndex = start;
  return NUMBER.exec(text)?.[0] ?? '-';
}

const invalid = (message: string, cause?: unknown, target?: string): CodedError =>
  new CodedError('InvalidRequestContent', message, { ...(target === undefined ? {} : { target }), cause });
