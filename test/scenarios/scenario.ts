import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { FakeHost } from '../../src/machine/fakeHost.ts';

type FakeOperation = Parameters<FakeHost['faults']['failNext']>[0];

/** One file of a scenario's folder; test/scenarios/README.md tells what each field means. */
export interface Step {
  readonly file: string;
  readonly about?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly given?: string;
  readonly turn?: string;
  readonly machine?: MachineStep;
  readonly write?: string;
  readonly image?: string;
  readonly fault?: { readonly operation: FakeOperation; readonly code: string; readonly times?: number };
  readonly mend?: FakeOperation;
  readonly hold?: FakeOperation;
  readonly release?: FakeOperation;
  readonly as?: string;
  readonly key?: string;
  readonly request?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly text?: string;
  readonly until?: boolean;
  readonly expect?: Expected;
  readonly ends?: unknown;
  readonly told?: unknown;
  readonly keep?: Readonly<Record<string, string>>;
}

export interface MachineStep {
  readonly name: string;
  readonly group: string;
  readonly gone?: boolean;
  readonly location?: string;
  readonly powerState?: 'running' | 'stopped';
  /** LUNs of its data disks; one at LUN 0 unless named. */
  readonly disks?: readonly number[];
}

export interface Expected {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The answer's bytes are those of a machine's disk. */
  readonly disk?: { readonly machine: string; readonly lun: number };
}

const FIELDS = [
  ...['about', 'settings', 'given', 'turn', 'machine', 'write', 'image', 'fault', 'mend', 'hold', 'release'],
  ...['as', 'key', 'request', 'version', 'headers', 'body', 'text', 'until'],
  ...['expect', 'ends', 'told', 'keep'],
];

/** The steps of a folder in the order of their numbers, with those of the folders that are given before them. */
export const readSteps = (folder: string): readonly Step[] =>
  readdirSync(folder)
    .filter((name) => /^\d\d.*\.yaml$/.test(name))
    .sort()
    .flatMap((file) => {
      const step = parse(readFileSync(join(folder, file), 'utf8')) as Step;
      const unknown = Object.keys(step).filter((field) => !FIELDS.includes(field));
      if (unknown.length > 0) throw new Error(`${file} has unknown fields: ${unknown.join(', ')}`);
      const before = step.given === undefined ? [] : readSteps(join(GIVEN, step.given));
      return [...before, { ...step, file }];
    });

const GIVEN = join(import.meta.dirname, 'given');

const UNITS: Readonly<Record<string, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** '30 days' in ms. */
export function durationMs(text: string): number {
  const [, count, unit] = /^(\d+) (second|minute|hour|day)s?$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new Error(`'${text}' is no time: '3 hours' is one`);
  return Number(count) * UNITS[unit]!;
}

/** Puts what is known into the places that name it, in any text of a value. */
export function filledIn<T>(value: T, known: (name: string) => string | undefined): T {
  if (typeof value === 'string') {
    const fill = (whole: string, name: string): string => known(name) ?? whole;
    return value.replace(/\{([A-Za-z][\w +-]*)\}/g, fill) as T;
  }
  if (Array.isArray(value)) return value.map((entry) => filledIn(entry as unknown, known)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, filledIn(entry as unknown, known)])) as T;
}

/** 'now+3 days' as a time of the wire, 'day+1 days' as a date; undefined for any other name. */
export function timeNamed(name: string, nowMs: number): string | undefined {
  const [, what, sign, duration] = /^(now|day)(?:([+-])(\d+ \w+))?$/.exec(name) ?? [];
  if (what === undefined) return undefined;
  const offsetMs = duration === undefined ? 0 : durationMs(duration) * (sign === '-' ? -1 : 1);
  const text = new Date(nowMs + offsetMs).toISOString();
  return what === 'day' ? text.slice(0, 10) : text;
}

/** 'body.properties.jobId', 'headers.location', 'body.value.0.name', 'end.properties.jobId', 'body /<Name>(.*?)</'. */
export function valueAt(answer: unknown, place: string): string {
  const [, path = '', pattern] = /^(.*?)(?: \/(.*)\/)?$/s.exec(place) ?? [];
  let value: unknown = answer;
  for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
  if (pattern !== undefined) value = new RegExp(pattern, 's').exec(String(value))?.[1];
  if (typeof value !== 'string' && typeof value !== 'number') throw new Error(`nothing to keep at ${place}`);
  return String(value);
}
