import { WINDOWS_TO_IANA_MAP } from 'windows-iana';

const ianaByWindows = new Map<string, string>(
  WINDOWS_TO_IANA_MAP.filter((zone) => zone.territory === '001').map((zone) => [
    zone.windowsName.toLowerCase(),
    zone.iana[0] as string,
  ]),
);

/** Asking Temporal is dear when a schedule is laid out over years. */
const ianaByName = new Map<string, string>();

/** The IANA id of a Windows or IANA time zone, compared without case; undefined when it is neither. */
export const ianaTimeZone = (id: string): string | undefined => {
  const key = id.toLowerCase();
  const iana = ianaByWindows.get(key) ?? ianaByName.get(key) ?? ianaOfName(id);
  if (iana !== undefined) ianaByName.set(key, iana);
  return iana;
};

const ianaOfName = (id: string): string | undefined => {
  if (/^[+-]/.test(id)) return undefined; // Temporal takes bare offsets for zones; a policy's zone has a name
  try {
    return new Temporal.ZonedDateTime(0n, id).timeZoneId;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/**
 * The zone's standard offset in a year, ms: the smallest it has then, as daylight saving only ever adds. It is what
 * Windows calls the base offset, also where a law calls the summer time the standard one.
 */
export const standardOffsetMs = (iana: string, year: number): number => {
  const key = `${iana}/${year}`;
  const known = standardOffsets.get(key);
  if (known !== undefined) return known;
  const offsetMs = smallestOffsetMs(iana, year);
  standardOffsets.set(key, offsetMs);
  return offsetMs;
};

/** The first valid instant at or after a time on the wall; of a time that comes twice, the first. ms since epoch. */
export const wallTimeToInstant = (iana: string, wall: Temporal.PlainDateTime): number => {
  const zoned = wall.toZonedDateTime(iana, { disambiguation: 'earlier' });
  if (zoned.toPlainDateTime().equals(wall)) return zoned.epochMilliseconds;
  const gap = zoned.getTimeZoneTransition('next');
  return (gap ?? zoned).epochMilliseconds;
};

const standardOffsets = new Map<string, number>();

const smallestOffsetMs = (iana: string, year: number): number => {
  const end = Temporal.ZonedDateTime.from({ timeZone: iana, year: year + 1, month: 1, day: 1 });
  let at: Temporal.ZonedDateTime | null = Temporal.ZonedDateTime.from({ timeZone: iana, year, month: 1, day: 1 });
  let smallest = at.offsetNanoseconds;
  while (at !== null && Temporal.ZonedDateTime.compare(at, end) < 0) {
    smallest = Math.min(smallest, at.offsetNanoseconds);
    at = at.getTimeZoneTransition('next');
  }
  return smallest / 1e6;
};
