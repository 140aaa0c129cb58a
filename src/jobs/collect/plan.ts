import type { CollectablePack } from '../../db/collection.ts';
import { isoTime } from '../../lib/clock.ts';
import type { CollectSettings } from './settings.ts';

export type CollectAction = 'keep' | 'wait' | 'rescue' | 'condemnToDrop' | 'condemnToCompact' | 'drop' | 'compact';

/** What becomes of one pack, and why, in words. */
export interface CollectDecision {
  readonly action: CollectAction;
  readonly reason: string;
  /** What a waiting pack waits for. */
  readonly waitsFor?: 'grace' | 'session' | 'lock' | 'repair';
}

export interface CollectFacts {
  readonly now: number;
  /** Start epoch of the oldest open session; infinite when there is none. */
  readonly oldestEpoch: number;
  /** Its session has not ended. */
  isUnderWay(sessionId: string): boolean;
}

type Rules = Pick<CollectSettings, 'graceMs' | 'compactBelow'>;

const IN_USE: CollectDecision = { action: 'keep', reason: 'points refer to it' };
const UNDER_WAY: CollectDecision = { action: 'keep', reason: 'its session is open' };
const UNREFERENCED: CollectDecision = { action: 'condemnToDrop', reason: 'no point refers to it' };
const USED_AGAIN: CollectDecision = { action: 'rescue', reason: 'points refer to it again' };

/**
 * The decision on one pack, of which `live` records are reached by points. Undefined: it is being deleted and yet
 * reached, which must never be.
 */
export const decidePack = (
  pack: CollectablePack,
  live: number,
  facts: CollectFacts,
  rules: Rules,
): CollectDecision | undefined => {
  switch (pack.state) {
    case 'live':
      return decideLive(pack, live, facts, rules);
    case 'condemned':
      return decideCondemned(pack, live, facts, rules);
    case 'compacting':
      return live === 0 ? { action: 'drop', reason: since(pack) } : { action: 'compact', reason: 'it was begun' };
    case 'deleting':
      return live > 0 ? undefined : { action: 'drop', reason: 'its deletion was begun' };
    case 'gone':
      return { action: 'keep', reason: 'it is gone' };
  }
};

const decideLive = (pack: CollectablePack, live: number, facts: CollectFacts, rules: Rules): CollectDecision => {
  if (live > 0 && live >= pack.records * rules.compactBelow) return IN_USE;
  if (facts.isUnderWay(pack.sessionId)) return UNDER_WAY;
  if (live === 0) return UNREFERENCED;
  if (pack.damagedAt !== undefined)
    return { action: 'wait', reason: 'it is damaged and cannot be compacted', waitsFor: 'repair' };
  return { action: 'condemnToCompact', reason: share(pack, live) };
};

const decideCondemned = (pack: CollectablePack, live: number, facts: CollectFacts, rules: Rules): CollectDecision => {
  const isUsed = pack.condemnedFor === 'compact' ? live >= pack.records * rules.compactBelow : live > 0;
  if (isUsed && live > 0) return USED_AGAIN;
  const why = live === 0 ? since(pack) : share(pack, live);
  const ripeAt = (pack.condemnedAt ?? facts.now) + rules.graceMs;
  if (facts.now < ripeAt)
    return { action: 'wait', reason: `${why}; condemned, waits until ${isoTime(ripeAt)}`, waitsFor: 'grace' };
  if (facts.oldestEpoch < (pack.condemnedEpoch ?? 0))
    return { action: 'wait', reason: `${why}; waits for sessions that began before`, waitsFor: 'session' };
  if (pack.lockedUntil !== undefined && pack.lockedUntil > facts.now)
    return { action: 'wait', reason: `${why}; locked until ${isoTime(pack.lockedUntil)}`, waitsFor: 'lock' };
  return { action: live === 0 ? 'drop' : 'compact', reason: why };
};

const since = ({ condemnedAt }: CollectablePack): string =>
  condemnedAt === undefined ? UNREFERENCED.reason : `no point refers to it since ${isoTime(condemnedAt)}`;

const share = ({ records }: CollectablePack, live: number): string =>
  `${Math.floor((100 * live) / records)} % of its records live`;
