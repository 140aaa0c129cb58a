import { DAY_MS } from '../lib/clock.ts';
import type { PolicyRules } from './policy.ts';
import { addCalendar, expiriesByRule, type JudgedPoint, type RetentionRule, retainedDays } from './retentionRules.ts';
import { localDay, occurrencesBetween, vaultedOccurrences } from './schedule.ts';

/** A backup there already is. */
export interface PastBackup {
  /** ms since epoch. */
  readonly takenAt: number;
  /** Of an on-demand backup: kept until then, ms. */
  readonly retainUntil?: number;
}

export interface SimulationRequest {
  /** ms since epoch; backups run after `from` and until `until`, the moment that is looked at. */
  readonly from: number;
  readonly until: number;
  readonly history: readonly PastBackup[];
}

export interface KeptPoint {
  readonly takenAt: number;
  /** Local date it counts for, 'YYYY-MM-DD'; absent of an on-demand backup. */
  readonly day?: string;
  /** When the last rule lets it go, ms; absent of the newest, which is always kept. */
  readonly expiresAt?: number;
  /** What keeps it, each until when. */
  readonly reasons: readonly { readonly rule: RetentionRule; readonly until: number }[];
}

export interface Simulation {
  /** Backups that went to the vault, those of the history among them. */
  readonly backups: number;
  /** What is kept at `until`, newest first. */
  readonly kept: readonly KeptPoint[];
  /** Snapshots on the host at `until`, for instant restore. */
  readonly snapshots: number;
  readonly byRule: readonly { readonly rule: RetentionRule; readonly points: number; readonly oldest: number }[];
  /** How many points there are at the end of each year from `from` on, and at `until`. */
  readonly growth: readonly { readonly at: number; readonly points: number }[];
}

interface Judged {
  readonly point: JudgedPoint;
  readonly expiries: ReadonlyMap<RetentionRule, number>;
  readonly expiresAt: number;
}

const STEP_MS = 366 * DAY_MS;
const BREATH_POINTS = 2_000;

/**
 * What a policy keeps in the vault at a moment to come, until when and why, when every backup succeeds on time.
 * `breathe` is awaited now and then: many years take a while.
 */
export const simulateRetention = async (
  policy: PolicyRules,
  { from, until, history }: SimulationRequest,
  breathe: () => Promise<void> = async () => {},
): Promise<Simulation> => {
  const points: JudgedPoint[] = history.map((backup, i) => pastPoint(policy, backup, i));
  for (let at = from; at < until; at += STEP_MS) {
    for (const { at: takenAt, key } of vaultedOccurrences(policy, at, Math.min(at + STEP_MS, until)))
      points.push({ id: String(points.length), takenAt, occurrenceKey: key });
    await breathe();
  }
  const counted = retainedDays(points);
  const judged: Judged[] = [];
  for (const point of points.sort((a, b) => b.takenAt - a.takenAt)) {
    const expiries = expiriesByRule(point, policy.retention, counted);
    judged.push({ point, expiries, expiresAt: Math.max(point.takenAt, ...expiries.values()) });
    if (judged.length % BREATH_POINTS === 0) await breathe();
  }
  const kept = judged.flatMap((one, i) => (one.expiresAt > until || i === 0 ? [keptPoint(one, i === 0, until)] : []));
  const since = Math.max(from, until - policy.instantRestoreDays * DAY_MS);
  const snapshots = Math.max(occurrencesBetween(policy, since, until).length, points.length > 0 ? 1 : 0);
  return { backups: points.length, kept, snapshots, byRule: byRule(kept), growth: growth(judged, from, until) };
};

const pastPoint = (policy: PolicyRules, { takenAt, retainUntil }: PastBackup, i: number): JudgedPoint =>
  retainUntil === undefined
    ? { id: `past ${takenAt} ${i}`, takenAt, occurrenceKey: `${localDay(policy, takenAt)}/00:00` }
    : { id: `past ${takenAt} ${i}`, takenAt, retainUntil };

const keptPoint = ({ point, expiries, expiresAt }: Judged, isNewest: boolean, until: number): KeptPoint => ({
  takenAt: point.takenAt,
  ...(point.occurrenceKey === undefined ? {} : { day: point.occurrenceKey.slice(0, 10) }),
  ...(isNewest ? {} : { expiresAt }),
  reasons: [...expiries].filter(([, end]) => end > until).map(([rule, end]) => ({ rule, until: end })),
});

const byRule = (kept: readonly KeptPoint[]): Simulation['byRule'] => {
  const rules = new Map<RetentionRule, { points: number; oldest: number }>();
  for (const { takenAt, reasons } of kept)
    for (const { rule } of reasons) rules.set(rule, { points: (rules.get(rule)?.points ?? 0) + 1, oldest: takenAt });
  return [...rules].map(([rule, found]) => ({ rule, ...found }));
};

/** `judged` is newest first. */
const growth = (judged: readonly Judged[], from: number, until: number): Simulation['growth'] => {
  const found: { at: number; points: number }[] = [];
  const count = (at: number): number => {
    const alive = judged.filter(({ point, expiresAt }) => point.takenAt <= at && expiresAt > at).length;
    return Math.max(alive, judged.some(({ point }) => point.takenAt <= at) ? 1 : 0);
  };
  for (let years = 1; addCalendar(from, { years }) < until; years++) {
    const at = addCalendar(from, { years });
    found.push({ at, points: count(at) });
  }
  return [...found, { at: until, points: count(until) }];
};
