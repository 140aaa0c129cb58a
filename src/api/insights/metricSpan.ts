import { HOUR_MS } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { HealthEvent } from '../../vault/healthEvents.ts';
import { isoSpan } from '../isoSpan.ts';

/** Names and Azure's titles. */
export const METRICS: Readonly<Record<HealthEvent['metric'], string>> = {
  BackupHealthEvent: 'Backup Health Events (preview)',
  RestoreHealthEvent: 'Restore Health Events (preview)',
};

const INTERVALS: Readonly<Record<string, number>> = {
  PT1H: HOUR_MS,
  PT6H: 6 * HOUR_MS,
  PT12H: 12 * HOUR_MS,
  P1D: 24 * HOUR_MS,
};
const MAX_POINTS = 2400;

/** 'from/to' in ISO 8601; the last hour when absent. Errors: BadRequest. */
export function spanOf(timespan: string | undefined, now: number): { readonly from: number; readonly to: number } {
  if (timespan === undefined) return { from: now - HOUR_MS, to: now };
  const span = isoSpan(timespan);
  if (span && span.from < span.to) return span;
  throw invalid(
    'timespan',
    timespan,
    'two ISO 8601 times, the earlier first: 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z',
  );
}

/** As it is called, and in ms; az's usual minute and 'FULL' become what these counts are worth. Errors: BadRequest. */
export function intervalOf(interval: string | undefined, spanMs: number): readonly [string, number] {
  const name = interval === undefined || interval.toUpperCase() === 'PT1M' ? 'PT1H' : interval.toUpperCase();
  if (name === 'FULL') return ['FULL', spanMs];
  const intervalMs = INTERVALS[name];
  if (intervalMs === undefined) throw invalid('interval', name, `${Object.keys(INTERVALS).join(', ')} or FULL`);
  if (spanMs / intervalMs > MAX_POINTS)
    throw invalid('interval', name, `longer: it gives more than ${MAX_POINTS} points`);
  return [name, intervalMs];
}

const invalid = (field: string, value: string, legal: string): CodedError =>
  new CodedError('BadRequest', `${field} is '${value.slice(0, 64)}'; it must be ${legal}.`, { target: field });
