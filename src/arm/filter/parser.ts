import { parseFilterDate } from './date.ts';
import type { FilterNode, FilterOperator, FilterProperties, FilterValue } from './node.ts';
import { invalidFilter, printable, type Token, tokenize } from './tokens.ts';

export const MAX_DEPTH = 16;
const OPERATORS: readonly string[] = ['eq', 'ne', 'gt', 'ge', 'lt', 'le'] satisfies FilterOperator[];

/** Recursive descent: or < and < not < parentheses or condition. Errors: InvalidFilter. */
export function parseExpression(text: string, properties: FilterProperties): FilterNode {
  const parser = new Parser(tokenize(text), properties);
  return parser.whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #properties: FilterProperties;
  #next = 0;

  constructor(tokens: readonly Token[], properties: FilterProperties) {
    this.#tokens = tokens;
    this.#properties = properties;
  }

  whole(): FilterNode {
    const root = this.#or(0);
    const rest = this.#peek();
    if (rest.kind !== 'end')
      throw invalidFilter(rest.at, `'${printable(rest.text)}' where 'and', 'or' or the end is due`);
    return root;
  }

  #or(depth: number): FilterNode {
    let left = this.#and(depth);
    while (this.#takeWord('or')) left = { kind: 'or', left, right: this.#and(depth) };
    return left;
  }

  #and(depth: number): FilterNode {
    let left = this.#unary(depth);
    while (this.#takeWord('and')) left = { kind: 'and', left, right: this.#unary(depth) };
    return left;
  }

  #unary(depth: number): FilterNode {
    const token = this.#peek();
    if (depth > MAX_DEPTH) throw invalidFilter(token.at, `it is nested deeper than ${MAX_DEPTH} levels`);
    if (this.#takeWord('not')) return { kind: 'not', inner: this.#unary(depth + 1) };
    if (token.kind === '(') {
      this.#next += 1;
      const inner = this.#or(depth + 1);
      const close = this.#take();
      if (close.kind !== ')') throw invalidFilter(close.at, "a closing ')' is missing");
      return inner;
    }
    return this.#condition();
  }

  #condition(): FilterNode {
    const name = this.#take();
    if (name.kind !== 'word') throw invalidFilter(name.at, `a property name is due; legal: ${this.#legal()}`);
    const property = Object.keys(this.#properties).find((known) => known.toLowerCase() === name.text.toLowerCase());
    if (property === undefined) {
      throw invalidFilter(name.at, `'${printable(name.text)}' is no property to filter by; legal: ${this.#legal()}`);
    }
    const operator = this.#take();
    const word = operator.text.toLowerCase();
    if (operator.kind !== 'word' || !OPERATORS.includes(word)) {
      throw invalidFilter(operator.at, `an operator is due; legal: ${OPERATORS.join(', ')}`);
    }
    return { kind: 'condition', property, operator: word as FilterOperator, value: this.#value(property) };
  }

  #value(property: string): FilterValue {
    const token = this.#take();
    const kind = this.#properties[property];
    const quoted = token.kind === 'string' || token.kind === 'dateTime';
    if (kind === 'string' && token.kind === 'string') return token.text;
    if (kind === 'number' && (token.kind === 'number' || (quoted && /^-?\d{1,15}(\.\d{1,9})?$/.test(token.text)))) {
      return Number(token.text);
    }
    if (kind === 'boolean' && (token.kind === 'word' || quoted) && /^(true|false)$/i.test(token.text)) {
      return token.text.toLowerCase() === 'true';
    }
    const ms = kind === 'dateTime' && quoted ? parseFilterDate(token.text) : undefined;
    if (ms !== undefined) return ms;
    throw invalidFilter(token.at, `'${property}' is compared with ${SHAPES[kind ?? 'string']}`);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? (this.#tokens.at(-1) as Token);
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #takeWord(word: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #legal(): string {
    return Object.keys(this.#properties).join(', ');
  }
}

const SHAPES = {
  string: "a text in single quotes, like 'Completed'",
  number: 'a number, like 7',
  boolean: 'true or false',
  dateTime: "a moment, like '2026-01-20 12:00:00 AM' or datetime'2026-01-20T00:00:00Z'",
} as const;
