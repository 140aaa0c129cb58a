const DEFAULT_SPAN_MS = 30 * 24 * 3600 * 1000;

export interface DateOptions {
  readonly startDate?: number | undefined;
  readonly endDate?: number | undefined;
}

/** Terms of a `$filter` for a span of days; when only one end is given, the other lies 30 days off. */
export function dateFilter(options: DateOptions, keys: { readonly from: string; readonly to: string }): string[] {
  const { startDate, endDate } = options;
  if (startDate === undefined && endDate === undefined) return [];
  const from = startDate ?? (endDate as number) - DEFAULT_SPAN_MS;
  const to = endDate ?? (startDate as number) + DEFAULT_SPAN_MS;
  return [`${keys.to} eq '${filterDate(to)}'`, `${keys.from} eq '${filterDate(from)}'`];
}

/** The service's own form of a time in filters, '2026-01-20 12:00:00 AM'. */
function filterDate(time: number): string {
  const [date, clock] = new Date(time).toISOString().slice(0, 19).split('T') as [string, string];
  const hour = Number(clock.slice(0, 2));
  const half = hour < 12 ? 'AM' : 'PM';
  return `${date} ${String(hour % 12 || 12).padStart(2, '0')}${clock.slice(2)} ${half}`;
}
