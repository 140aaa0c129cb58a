import { CodedError } from '../../lib/error.ts';

/** What the expressions of a template may speak of. */
export interface TemplateScope {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly resourceGroup: { readonly name: string; readonly location: string };
  /** Undefined: there is none of that name. Errors: InvalidTemplate, when what was asked for becomes too much. */
  parameter(name: string): unknown;
  /** The same; computed when first asked for. */
  variable(name: string): unknown;
}

/** A text of a template: `[…]` is an expression, `[[` stands for a bracket. Errors: InvalidTemplate naming what is unknown. */
function evaluateText(text: string, scope: TemplateScope): unknown {
  if (text.startsWith('[[')) return text.slice(1);
  if (!text.startsWith('[') || !text.endsWith(']')) return text;
  const parser = new Parser(text.slice(1, -1), scope);
  return parser.whole();
}

/** Every text within a value. Errors: InvalidTemplate. */
export function evaluate(value: unknown, scope: TemplateScope): unknown {
  if (typeof value === 'string') return evaluateText(value, scope);
  if (Array.isArray(value)) return value.map((one) => evaluate(one, scope));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, evaluate(one, scope)]));
}

const TOKEN = /\s*(?:('(?:[^']|'')*')|(-?\d+)|([A-Za-z_]\w*)|([()[\],.]))/y;
const MAX_DEPTH = 20;

/** One expression: calls, texts and numbers, `.member` and `[index]` after them. */
class Parser {
  readonly #text: string;
  readonly #scope: TemplateScope;
  readonly #tokens: string[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string, scope: TemplateScope) {
    this.#text = text;
    this.#scope = scope;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) throw this.#invalid(`cannot be read from '${text.slice(from, from + 20)}' on`);
      this.#tokens.push(match[0].trim());
    }
  }

  whole(): unknown {
    const value = this.#value();
    if (this.#at < this.#tokens.length) throw this.#invalid(`goes on with '${this.#tokens[this.#at]}'`);
    return value;
  }

  #value(): unknown {
    if (++this.#depth > MAX_DEPTH) throw this.#invalid(`is nested deeper than ${MAX_DEPTH} levels`);
    const token = this.#next();
    let value: unknown;
    if (token.startsWith("'")) value = token.slice(1, -1).replaceAll("''", "'");
    else if (/^-?\d+$/.test(token)) value = Number(token);
    else if (/^\w+$/.test(token)) value = this.#call(token);
    else throw this.#invalid(`has '${token}' where a value is due`);
    for (;;) {
      if (this.#skip('.')) value = this.#member(value, this.#next());
      else if (this.#skip('[')) {
        value = this.#member(value, this.#value());
        this.#expect(']');
      } else break;
    }
    this.#depth--;
    return value;
  }

  #call(name: string): unknown {
    this.#expect('(');
    const values: unknown[] = [];
    if (!this.#skip(')')) {
      do values.push(this.#value());
      while (this.#skip(','));
      this.#expect(')');
    }
    const key = name.toLowerCase();
    const known = Object.hasOwn(FUNCTIONS, key) ? FUNCTIONS[key] : undefined;
    if (!known)
      throw this.#invalid(`calls '${name}', which is not known here; known are ${Object.keys(FUNCTIONS).join(', ')}`);
    const result = known(values, this.#scope);
    if (result === undefined) throw this.#invalid(`calls '${name}' with what it does not take or know`);
    return result;
  }

  #member(of: unknown, name: unknown): unknown {
    const key = String(name);
    if (typeof of === 'object' && of !== null && Object.hasOwn(of, key)) return (of as Record<string, unknown>)[key];
    throw this.#invalid(`asks for '${key}', which is not there`);
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw this.#invalid('ends too early');
    return token;
  }

  #skip(token: string): boolean {
    const fits = this.#tokens[this.#at] === token;
    if (fits) this.#at++;
    return fits;
  }

  #expect(token: string): void {
    if (!this.#skip(token)) throw this.#invalid(`needs '${token}' after '${this.#tokens[this.#at - 1] ?? ''}'`);
  }

  #invalid(why: string): CodedError {
    return new CodedError('InvalidTemplate', `The template expression '[${this.#text.slice(0, 120)}]' ${why}.`, {
      target: 'properties.template',
    });
  }
}

type TemplateFunction = (values: readonly unknown[], scope: TemplateScope) => unknown;

const texts = (values: readonly unknown[]): readonly string[] | undefined =>
  values.every((value) => typeof value === 'string' || typeof value === 'number') ? values.map(String) : undefined;

const oneText =
  (change: (text: string) => string): TemplateFunction =>
  (values) =>
    values.length === 1 && typeof values[0] === 'string' ? change(values[0]) : undefined;

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  parameters: ([name], scope) => scope.parameter(String(name)),
  variables: ([name], scope) => scope.variable(String(name)),
  concat: (values) => (values.length > 0 && values.every(Array.isArray) ? values.flat() : texts(values)?.join('')),
  resourceid: resourceId,
  resourcegroup: (_values, { subscriptionId, resourceGroup }) => ({
    id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup.name}`,
    ...resourceGroup,
  }),
  subscription: (_values, { subscriptionId, tenantId }) => ({
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId,
  }),
  tolower: oneText((text) => text.toLowerCase()),
  toupper: oneText((text) => text.toUpperCase()),
  string: ([value]) => (typeof value === 'object' ? JSON.stringify(value) : String(value)),
  int: ([value]) => (/^-?\d+$/.test(String(value)) ? Number(value) : undefined),
  null: () => null,
  true: () => true,
  false: () => false,
};

/** `resourceId(['subscription',] ['group',] 'type', 'name', …)`: a type of n slashes takes n names. */
function resourceId(values: readonly unknown[], scope: TemplateScope): string | undefined {
  const words = texts(values);
  const typeAt = words?.findIndex((word) => word.includes('/')) ?? -1;
  if (!words || typeAt < 0 || typeAt > 2) return undefined;
  const [namespace, ...types] = words[typeAt]!.split('/');
  const names = words.slice(typeAt + 1);
  if (names.length !== types.length) return undefined;
  const before = words.slice(0, typeAt);
  const group = before.at(-1) ?? scope.resourceGroup.name;
  const subscription = before.length === 2 ? before[0]! : scope.subscriptionId;
  const pairs = types.map((type, at) => `${type}/${names[at]}`).join('/');
  return `/subscriptions/${subscription}/resourceGroups/${group}/providers/${namespace}/${pairs}`;
}
