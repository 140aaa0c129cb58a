import { CodedError } from '../../lib/error.ts';

/** The fields of one object of a description, taken one by one; what was not taken is unknown. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #file: string;
  readonly #path: string;
  readonly #taken = new Set<string>();

  constructor(value: unknown, file: string, path: string) {
    this.#file = file;
    this.#path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.invalid('', 'must be an object');
    this.#values = new Map(Object.entries(value));
  }

  empty(name: string): Fields {
    return new Fields({}, this.#file, this.#dotted(name));
  }

  /** The reader's answer when the field is there, undefined otherwise. */
  optional<T>(name: string, read: () => T): T | undefined {
    this.#taken.add(name);
    return this.#values.get(name) === undefined || this.#values.get(name) === null ? undefined : read();
  }

  text(name: string, form: RegExp, rule: string): string {
    const value = this.#take(name);
    if (typeof value === 'string' && form.test(value)) return value;
    throw this.invalid(name, `must be ${rule}, not ${shown(value)}`);
  }

  optionalText<K extends string>(name: K, form: RegExp, rule: string): { [P in K]?: string } {
    return this.optional(name, () => ({ [name]: this.text(name, form, rule) }) as Record<K, string>) ?? {};
  }

  path(name: string): string {
    return this.text(name, /^[^\0\n]{1,1024}$/, 'a path of at most 1024 characters');
  }

  oneOf<const T extends string>(name: string, legal: readonly T[], otherwise?: T): T {
    if (otherwise !== undefined && this.#values.get(name) === undefined) {
      this.#taken.add(name);
      return otherwise;
    }
    const value = this.#take(name);
    const found = legal.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw this.invalid(name, `must be one of ${legal.join(', ')}, not ${shown(value)}`);
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.invalid(name, `must be a whole number from ${least} to ${most}, not ${shown(value)}`);
  }

  flag(name: string): boolean {
    const value = this.#take(name);
    if (typeof value === 'boolean') return value;
    throw this.invalid(name, `must be true or false, not ${shown(value)}`);
  }

  object(name: string): Fields {
    return new Fields(this.#take(name), this.#file, this.#dotted(name));
  }

  list(name: string, most: number): Fields[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length < 1 || value.length > most)
      throw this.invalid(name, `must be a list of 1 to ${most}, not ${shown(value)}`);
    return value.map((item, at) => new Fields(item, this.#file, `${this.#dotted(name)}[${at}]`));
  }

  textMap(name: string): Record<string, string> {
    const inner = this.object(name);
    return Object.fromEntries(
      [...inner.#values.keys()].map((key) => [
        key,
        inner.text(key, /^[\s\S]{0,256}$/, 'text of at most 256 characters'),
      ]),
    );
  }

  /** Errors: MachineDescriptionInvalid for the first field nobody took. */
  refuseUnknown(): void {
    const unknown = [...this.#values.keys()].find((name) => !this.#taken.has(name));
    if (unknown !== undefined)
      throw this.invalid(unknown, `is unknown; the fields here are ${[...this.#taken].join(', ')}`);
  }

  invalid(name: string, rule: string): CodedError {
    const field = this.#dotted(name);
    return new CodedError('MachineDescriptionInvalid', `${this.#file}: ${field === '' ? 'the file' : field} ${rule}`, {
      target: field === '' ? this.#file : field,
    });
  }

  #take(name: string): unknown {
    this.#taken.add(name);
    return this.#values.get(name);
  }

  #dotted(name: string): string {
    if (this.#path === '') return name;
    return name === '' ? this.#path : `${this.#path}.${name}`;
  }
}

const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 60) ?? typeof value);
