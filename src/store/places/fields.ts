import { CodedError } from '../../lib/error.ts';

/** What a field may hold: the words of an error, and the rule itself. */
export interface FieldRule {
  readonly legal: string;
  readonly holds: (text: string) => boolean;
}

/** Reads one object of a configuration strictly: every field by its rule, and none that nobody asked for. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #asked = new Set<string>();

  /** `where` stands before each field's name in errors: 'places[0]'. Errors: InvalidParameter, as all below. */
  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(where, value, 'an object is needed');
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  text(name: string, { legal, holds }: FieldRule): string {
    const value = this.#take(name);
    if (typeof value === 'string' && holds(value)) return value;
    throw invalid(this.#pathOf(name), value, `legal is ${legal}`);
  }

  optionalText(name: string, rule: FieldRule): string | undefined {
    return this.#take(name) === undefined ? undefined : this.text(name, rule);
  }

  flag(name: string, byDefault: boolean): boolean {
    const value = this.#take(name) ?? byDefault;
    if (typeof value === 'boolean') return value;
    throw invalid(this.#pathOf(name), value, 'legal is true or false');
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.#take(name);
    if (value === undefined || Array.isArray(value)) return value;
    throw invalid(this.#pathOf(name), value, 'a list is needed');
  }

  object(name: string): Fields | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new Fields(value, this.#pathOf(name));
  }

  /** Call it last: a field with a typing error in its name would otherwise be silently left out. */
  end(): void {
    const unknown = Object.keys(this.#value).find((name) => !this.#asked.has(name));
    if (unknown === undefined) return;
    throw new CodedError(
      'InvalidParameter',
      `${this.#pathOf(unknown)} is not known; legal are ${[...this.#asked].join(', ')}.`,
      { target: this.#pathOf(unknown) },
    );
  }

  #take(name: string): unknown {
    this.#asked.add(name);
    return this.#value[name];
  }

  #pathOf(name: string): string {
    return this.#where === '' ? name : `${this.#where}.${name}`;
  }
}

const invalid = (path: string, value: unknown, legal: string): CodedError =>
  new CodedError('InvalidParameter', `${path} is ${shown(value)}: ${legal}.`, { target: path });

/** A secret written in by mistake is not repeated in full. */
const shown = (value: unknown): string => {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 20)}…` : text;
};
