import type { CollectablePack, CollectionMoves } from '../../db/collection.ts';
import { CodedError } from '../../lib/error.ts';
import type { PackMarks } from '../../store/packMarks.ts';
import type { Brake } from './brakes.ts';
import { type CollectAction, type CollectDecision, type CollectFacts, decidePack } from './plan.ts';
import type { CollectSettings } from './settings.ts';

export interface DecidedPack {
  readonly packId: string;
  readonly sizeBytes: number;
  readonly action: CollectAction;
  readonly reason: string;
}

/** So many packs are listed by name in a report; all are counted. */
const LISTED = 500;

export interface PlanFacts extends CollectFacts {
  /** Its session's point is in the vault. */
  hasPoint(sessionId: string): boolean;
}

/** What a collection decided, over all packs of a vault: counts, and ids of the packs that change. */
export class CollectionDecisions {
  livePacks = 0;
  storedBytes = 0;
  /** The packs' sizes, each by its share of live records. */
  liveBytes = 0;
  /** What dropping and compacting the newly condemned will free. */
  condemnedBytes = 0;
  /** That part of it whose points are gone; the rest is a surprise. */
  explainedBytes = 0;
  /** What dropping and compacting now frees. */
  freeingBytes = 0;
  readonly waiting: Record<'grace' | 'session' | 'lock' | 'repair', number> = {
    grace: 0,
    session: 0,
    lock: 0,
    repair: 0,
  };
  readonly listed: DecidedPack[] = [];
  /** Indexes in the marks. */
  readonly #changed: Record<Exclude<CollectAction, 'keep' | 'wait'>, number[]> = {
    rescue: [],
    condemnToDrop: [],
    condemnToCompact: [],
    drop: [],
    compact: [],
  };
  readonly #marks: PackMarks;

  constructor(marks: PackMarks) {
    this.#marks = marks;
  }

  count(action: Exclude<CollectAction, 'keep' | 'wait'>): number {
    return this.#changed[action].length;
  }

  get moves(): CollectionMoves {
    const ids = (indexes: readonly number[]) => indexes.map((index) => this.#marks.packId(index));
    const { rescue, condemnToDrop, condemnToCompact, drop, compact } = this.#changed;
    return {
      rescue: ids(rescue),
      condemnToDrop: ids(condemnToDrop),
      condemnToCompact: ids(condemnToCompact),
      drop: ids(drop),
      compact: ids(compact),
    };
  }

  /** Errors: CollectRefused when a pack that is being deleted is reached by a point. */
  add(pack: CollectablePack, facts: PlanFacts, settings: CollectSettings): void {
    const index = this.#marks.find(pack.packId);
    // it came after the marks were made: the next run looks at it
    if (index < 0) return;
    const live = this.#marks.liveSlots(index);
    const decision = decidePack(pack, live, facts, settings);
    if (!decision) throw reachedWhileDeleted(pack.packId);
    this.storedBytes += pack.sizeBytes;
    if (live > 0) this.livePacks++;
    this.liveBytes += live === 0 ? 0 : Math.round((pack.sizeBytes * live) / pack.records);
    this.#count(index, pack, decision);
    const freed = live === 0 ? pack.sizeBytes : Math.round(pack.sizeBytes * (1 - live / pack.records));
    if (decision.action === 'drop' || decision.action === 'compact') this.freeingBytes += freed;
    if (decision.action !== 'condemnToDrop' && decision.action !== 'condemnToCompact') return;
    this.condemnedBytes += freed;
    if (!facts.hasPoint(pack.sessionId)) this.explainedBytes += freed;
  }

  /** What an operator has to approve before any of it is done. */
  brakes({ largestShare }: CollectSettings): readonly Brake[] {
    const { condemnedBytes, storedBytes, explainedBytes } = this;
    const brakes: Brake[] = [];
    const whatToDo = 'Look at a dry run; if what it lists may go, run the collection again with approval.';
    if (condemnedBytes > storedBytes * largestShare) {
      const percent = Math.round((100 * condemnedBytes) / storedBytes);
      const why = `it would condemn ${percent} % of the vault's bytes, more than ${largestShare * 100} %`;
      brakes.push({ why, whatToDo, isLiftable: true });
    }
    if (condemnedBytes > 2 * explainedBytes) {
      const why = `it would condemn ${condemnedBytes} bytes where expired points explain ${explainedBytes}`;
      brakes.push({ why, whatToDo, isLiftable: true });
    }
    return brakes;
  }

  #count(index: number, { packId, sizeBytes }: CollectablePack, decision: CollectDecision): void {
    const { action, reason, waitsFor } = decision;
    if (waitsFor) this.waiting[waitsFor]++;
    if (action === 'keep') return;
    if (action !== 'wait') this.#changed[action].push(index);
    if (this.listed.length < LISTED) this.listed.push({ packId, sizeBytes, action, reason });
  }
}

const reachedWhileDeleted = (packId: string): CodedError =>
  new CodedError('CollectRefused', `Pack ${packId} is being deleted, and yet a point refers to it.`, {
    target: packId,
    recommendations: ['Reconcile the vault with its store, and tell us: this is a defect.'],
  });
