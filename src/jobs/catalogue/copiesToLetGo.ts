import { isoTime } from '../../lib/clock.ts';
import type { DatabaseCopy } from '../../store/databaseCopies.ts';

const HOURLY = 24;
const DAILY = 14;

/** All but the 24 newest, the newest of each of the last 14 days that have one, and the newest good one. */
export const copiesToLetGo = (newestFirst: readonly DatabaseCopy[], newestGood: string): readonly DatabaseCopy[] => {
  const days = new Map<string, DatabaseCopy>();
  for (const copy of newestFirst) {
    const day = isoTime(copy.takenAt).slice(0, 10);
    if (!days.has(day)) days.set(day, copy);
  }
  const kept = new Set([...newestFirst.slice(0, HOURLY), ...[...days.values()].slice(0, DAILY)]);
  return newestFirst.filter((copy) => !kept.has(copy) && copy.name !== newestGood);
};
