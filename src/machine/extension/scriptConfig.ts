/** The guest's VMSnapshotScriptPluginConfig.json, with Azure's keys and defaults. */
export interface ScriptConfig {
  readonly preScript: string;
  readonly postScript: string;
  readonly preParams: readonly string[];
  readonly postParams: readonly string[];
  /** Tries after the first. */
  readonly preRetries: number;
  readonly postRetries: number;
  /** For each script, all its tries together. */
  readonly timeoutSeconds: number;
  readonly continueBackupOnFailure: boolean;
  readonly fsFreezeEnabled: boolean;
  readonly pollSeconds: number;
}

/** A configuration, or what is wrong with it: field, rule and legal values in words. */
export type ReadScriptConfig =
  | { readonly config: ScriptConfig }
  | { readonly problem: string; readonly continueBackupOnFailure: boolean };

const MAX_TIMEOUT_SECONDS = 1800;
const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_RETRIES = 20;
const MAX_PARAMS = 64;
const MAX_TEXT = 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const CONTROL = /[\x00-\x1f\x7f]/;

/** Keys it does not know are left alone, as Azure does. Never throws. */
export const readScriptConfig = (text: string): ReadScriptConfig => {
  let values: unknown;
  try {
    values = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    return { problem: `it is no JSON${placeOf(cause)}`, continueBackupOnFailure: true };
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    return { problem: 'it must be a JSON object', continueBackupOnFailure: true };
  const fields = new Keys(values as Record<string, unknown>);
  fields.pluginName();
  const config: ScriptConfig = {
    preScript: fields.path('preScriptLocation'),
    postScript: fields.path('postScriptLocation'),
    preParams: fields.params('preScriptParams'),
    postParams: fields.params('postScriptParams'),
    preRetries: fields.integer('preScriptNoOfRetries', 0, MAX_RETRIES, 0),
    postRetries: fields.integer('postScriptNoOfRetries', 0, MAX_RETRIES, 0),
    timeoutSeconds: fields.integer('timeoutInSeconds', 1, MAX_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS),
    continueBackupOnFailure: fields.flag('continueBackupOnFailure'),
    fsFreezeEnabled: fields.flag('fsFreezeEnabled'),
    pollSeconds: fields.integer('ScriptsExecutionPollTimeSeconds', 1, 5, 3),
  };
  fields.appName();
  if (fields.problems.length === 0) return { config };
  return {
    problem: fields.problems.join('; '),
    continueBackupOnFailure: values['continueBackupOnFailure' as never] !== false,
  };
};

/** Only where: the text itself may hold secrets. */
const placeOf = (cause: unknown): string => {
  const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec(cause instanceof Error ? cause.message : '')?.[0];
  return place === undefined ? '' : ` ${place}`;
};

/** Reads field by field and collects what is wrong; a wrong field reads as its default. */
class Keys {
  readonly problems: string[] = [];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  pluginName(): void {
    if (this.#values.pluginName !== 'ScriptRunner') this.#refuse('pluginName', `must be 'ScriptRunner'`);
  }

  appName(): void {
    const name = this.#values.appName;
    if (name !== undefined && name !== null && typeof name !== 'string') this.#refuse('appName', 'must be text');
  }

  /** Empty where nothing is named: the script is then not found. */
  path(name: string): string {
    const value = this.#values[name];
    if (value === undefined || value === null || value === '') return '';
    if (isPlain(value) && value.startsWith('/')) return value;
    return this.#refuse(name, `must be an absolute path of at most ${MAX_TEXT} characters`) ?? '';
  }

  params(name: string): readonly string[] {
    const value = this.#values[name] ?? [];
    if (Array.isArray(value) && value.length <= MAX_PARAMS && value.every(isPlain)) return value;
    const each = `texts of at most ${MAX_TEXT} characters, none of them a control character`;
    return this.#refuse(name, `must be a list of at most ${MAX_PARAMS} ${each}`) ?? [];
  }

  integer(name: string, least: number, most: number, otherwise: number): number {
    const value = this.#values[name] ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.#refuse(name, `must be a whole number from ${least} to ${most}`) ?? otherwise;
  }

  flag(name: string): boolean {
    const value = this.#values[name] ?? true;
    if (typeof value === 'boolean') return value;
    return this.#refuse(name, 'must be true or false') ?? true;
  }

  #refuse(name: string, rule: string): undefined {
    this.problems.push(`${name} ${rule}`);
  }
}

const isPlain = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TEXT && !CONTROL.test(value);
