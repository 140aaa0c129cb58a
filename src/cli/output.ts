import { styleText } from 'node:util';
import { type Column, columnsOf, genericColumns } from './columns.ts';
import { UsageError } from './exit.ts';
import { withResourceGroup } from './ids.ts';
import { printable, type Terminal, wantsColor } from './terminal.ts';

export const FORMATS = ['json', 'jsonc', 'table', 'tsv', 'yaml', 'none'] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputOptions {
  readonly output: Format;
  readonly query?: string | undefined;
}

/** Finds a faulty `--query` before anything is sent. Errors: UsageError. */
export async function checkQuery(query: string | undefined): Promise<void> {
  if (query !== undefined) await search([], query, 'compile');
}

/** Prints a command's answer to stdout; undefined and null print nothing. */
export async function print(answer: unknown, options: OutputOptions, terminal: Terminal): Promise<void> {
  const plain: unknown = answer === undefined ? null : JSON.parse(JSON.stringify(withResourceGroup(answer)));
  const queried = options.query === undefined ? plain : await search(plain, options.query, 'search');
  if (queried === null || queried === undefined || options.output === 'none') return;
  const text = await formatted(queried, options, terminal);
  if (text !== '') terminal.stdout.write(`${text}\n`);
}

async function formatted(value: unknown, { output, query }: OutputOptions, terminal: Terminal): Promise<string> {
  switch (output) {
    case 'json':
      return JSON.stringify(value, null, 2);
    case 'jsonc':
      return colored(JSON.stringify(value, null, 2), wantsColor(terminal.stdout, terminal.env));
    case 'yaml':
      return (await import('yaml')).stringify(value).trimEnd();
    case 'tsv':
      return tsv(value);
    case 'table':
      return table(value, query !== undefined);
    case 'none':
      return '';
  }
}

async function search(value: unknown, query: string, how: 'compile' | 'search'): Promise<unknown> {
  const { default: jmespath } = await import('jmespath');
  try {
    return how === 'search' ? jmespath.search(value, query) : (jmespath as unknown as Compiler).compile(query);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`option '--query <jmespath>' is not a usable JMESPath expression: ${why}`);
  }
}

/** Left out of the library's types. */
interface Compiler {
  compile(query: string): unknown;
}

const JSON_TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

function colored(json: string, color: boolean): string {
  if (!color) return json;
  return json.replace(JSON_TOKEN, (token, text: string | undefined, colon: string | undefined) => {
    if (text === undefined) return paint('cyan', token);
    return colon === undefined ? paint('green', text) : paint('blue', text) + colon;
  });
}

const paint = (color: 'cyan' | 'green' | 'blue', text: string): string =>
  styleText(color, text, { validateStream: false });

/** A row for every element, values in their order; lists show their length, objects nothing. */
function tsv(value: unknown): string {
  const rows = Array.isArray(value) ? value : [value];
  return rows.map((row) => cells(row).map(tsvCell).join('\t')).join('\n');
}

function cells(row: unknown): unknown[] {
  if (Array.isArray(row)) return row;
  return typeof row === 'object' && row !== null ? Object.values(row) : [row];
}

function tsvCell(value: unknown): string {
  if (Array.isArray(value)) return String(value.length);
  // A tab or line end within a value would make another row of it.
  return printable(scalar(value).replaceAll('\t', '\\t').replaceAll('\n', '\\n'));
}

function table(value: unknown, queried: boolean): string {
  const rows = Array.isArray(value) ? value : [value];
  if (rows.length === 0) return '';
  const columns = (queried ? undefined : columnsOf(rows)) ?? genericColumns(rows);
  if (columns.length === 0) return '';
  const titles = columns.map((column) => column.title);
  const body = rows.map((row) => columns.map((column) => tableCell(column, row)));
  const widths = titles.map((title, at) => Math.max(title.length, ...body.map((row) => (row[at] as string).length)));
  return [titles, widths.map((width) => '-'.repeat(width)), ...body]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function tableCell(column: Column, row: unknown): string {
  const value = column.read(row);
  return printable(scalar(value).replaceAll('\n', ' '));
}

/** null, undefined and objects are nothing. */
function scalar(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}
