import { CodedError } from '../../lib/error.ts';

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'string' | 'dateTime'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  | { readonly kind: '(' | ')' | 'end'; readonly text: string; readonly at: number };

const BLANK = /[ \t]+/y;
const STRING = /'((?:[^']|'')*)'/y;
const DATE_TIME = /datetime'([^']*)'/iy;
const BARE_DATE = /\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?(?![\w.])/iy;
const NUMBER = /-?\d{1,15}(?:\.\d{1,9})?(?![\w.])/y;
const WORD = /[A-Za-z_][A-Za-z0-9_./]*/y;

/** Errors: InvalidFilter at the first character that begins nothing. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const blank = take(BLANK);
    if (blank) {
      at += blank[0].length;
      continue;
    }
    const found = nextToken(take, text[at] ?? '', at);
    if (!found) throw invalidFilter(at, `'${printable(text.slice(at, at + 12))}' is not understood`);
    tokens.push(found.token);
    at += found.length;
  }
  tokens.push({ kind: 'end', text: '', at });
  return tokens;
}

/** Positions are counted from 1, as people count. */
export const invalidFilter = (at: number, why: string): CodedError =>
  new CodedError('InvalidFilter', `The $filter is invalid at position ${at + 1}: ${why}.`, { target: '$filter' });

export const printable = (text: string): string => text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');

function nextToken(
  take: (pattern: RegExp) => RegExpExecArray | null,
  character: string,
  at: number,
): { token: Token; length: number } | undefined {
  if (character === '(' || character === ')') return { token: { kind: character, text: character, at }, length: 1 };
  const dateTime = take(DATE_TIME) ?? take(BARE_DATE);
  if (dateTime)
    return { token: { kind: 'dateTime', text: dateTime[1] ?? dateTime[0], at }, length: dateTime[0].length };
  const string = take(STRING);
  if (string) {
    return { token: { kind: 'string', text: (string[1] ?? '').replaceAll("''", "'"), at }, length: string[0].length };
  }
  const number = take(NUMBER);
  if (number) return { token: { kind: 'number', text: number[0], at }, length: number[0].length };
  const word = take(WORD);
  return word ? { token: { kind: 'word', text: word[0], at }, length: word[0].length } : undefined;
}
