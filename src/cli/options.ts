import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { UsageError } from './exit.ts';
import { FORMATS } from './output.ts';

export const COMMON_OPTIONS = 'Common options:';

/** A command with what every command takes. */
export const leaf = (name: string, summary: string) =>
  new Command(name)
    .description(summary)
    .summary(summary)
    .optionsGroup(COMMON_OPTIONS)
    .option('-o, --output <format>', `how the answer is printed: ${FORMATS.join(', ')}`, oneOf(FORMATS), 'json')
    .option('--query <jmespath>', 'print only what this JMESPath expression selects')
    .option('--only-show-errors', 'no warnings and no progress on stderr')
    .option('--debug', 'print the requests and answers on stderr, without secrets')
    .option('--client <file>', 'client file: endpoint, CA and sign-in (also STRONGROOM_CLIENT)')
    .option('--subscription <id>', "another subscription than the client file's")
    .helpOption('-h, --help', 'show this help')
    .optionsGroup('Options:');

/** A group of commands, as `vault`. Only its summary is looked at until it is used. */
export function group(name: string, summary: string, commands: readonly Subcommand[]): Command {
  const made = new Command(name).description(summary);
  for (const command of commands) made.addCommand(command as unknown as Command);
  return made;
}

// biome-ignore lint/suspicious/noExplicitAny: commands differ in the options they carry in their types
type Subcommand = Command<any, any, any>;

/** Reads one of `values` without case and returns it with its own. */
export const oneOf =
  <const T extends string>(values: readonly T[]) =>
  (text: string): T => {
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`Legal values: ${values.join(', ')}.`);
    return found;
  };

export const yesOrNo = (text: string): boolean => oneOf(['true', 'false'])(text) === 'true';

/** Seconds, a whole number from 1. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Legal values: whole seconds from 1.');
  return value;
}

/** A whole number from 1. */
export function wholeFrom1(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Legal values: whole numbers from 1.');
  return value;
}

/** `dd-mm-yyyy`, the beginning of that day in UTC, ms since epoch. */
export function day(text: string): number {
  const parts = /^(\d{2})-(\d{2})-(\d{4})$/.exec(text);
  const [, dayOfMonth, month, year] = parts ?? [];
  const time = parts ? Date.parse(`${year}-${month}-${dayOfMonth}T00:00:00Z`) : Number.NaN;
  // Date.parse takes 31 February for a day of March.
  if (Number.isNaN(time) || new Date(time).getUTCDate() !== Number(dayOfMonth)) {
    throw new InvalidArgumentError('Legal values: a date as dd-mm-yyyy, as 31-12-2026.');
  }
  return time;
}

/** `key=value` words; a key alone has an empty value. */
export function tags(words: readonly string[] | undefined): Record<string, string> | undefined {
  if (words === undefined) return undefined;
  return Object.fromEntries(
    words
      .filter((word) => word !== '')
      .map((word) => {
        const at = word.indexOf('=');
        return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
      }),
  );
}

/** LUNs, one word each; -1 is the OS disk. */
export function lunList(word: string, before: readonly number[] | undefined): readonly number[] {
  const lun = Number(word);
  if (word === '' || !Number.isInteger(lun) || lun < -1 || lun > 63) {
    throw new InvalidArgumentError('Legal values: -1 to 63.');
  }
  return [...(before ?? []), lun];
}

/** The value of an option that some commands need and others don't. Errors: UsageError naming it. */
export function needed<T>(value: T | undefined, flags: string): T {
  if (value === undefined) throw new UsageError(`required option '${flags}' not specified`);
  return value;
}

export const MANAGEMENT_TYPES = ['AzureIaasVM'] as const;
export const WORKLOAD_TYPES = ['VM'] as const;
