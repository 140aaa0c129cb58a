const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?)?\s*(Z|[+-]\d{2}:\d{2})?$/i;
const TWELVE_HOURS = /^(\d{4})-(\d{2})-(\d{2}) (\d{1,2}):(\d{2})(?::(\d{2}))? (AM|PM)$/i;

/** '2023-01-20 12:00:00 AM' as az writes it, or ISO 8601; without a zone it is UTC. Undefined: no such moment. */
export function parseFilterDate(text: string): number | undefined {
  const half = TWELVE_HOURS.exec(text);
  if (half) {
    const hour = Number(half[4]);
    if (hour < 1 || hour > 12) return undefined;
    return utc(half, (hour % 12) + (half[7]?.toUpperCase() === 'PM' ? 12 : 0), 0, 0);
  }
  const iso = ISO.exec(text);
  if (!iso) return undefined;
  const milliseconds = Math.trunc(Number(`0.${iso[7] ?? '0'}`) * 1000);
  const offsetMs = zoneOffsetMs(iso[8]);
  return offsetMs === undefined ? undefined : utc(iso, Number(iso[4] ?? 0), milliseconds, offsetMs);
}

/** `Date.UTC` rolls 31 February over to March; such a date is refused here. */
function utc(match: RegExpExecArray, hour: number, milliseconds: number, offsetMs: number): number | undefined {
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [minute, second] = [Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (year < 1900 || hour > 23 || minute > 59 || second > 59) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const back = new Date(ms);
  return back.getUTCMonth() === month - 1 && back.getUTCDate() === day ? ms - offsetMs : undefined;
}

function zoneOffsetMs(zone: string | undefined): number | undefined {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4, 6))];
  if (hours > 14 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
