import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { getVault } from '../db/vaults.ts';
import { isoTime } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import type { JobContext } from './context.ts';
import { compareCopies } from './replicate/compareCopies.ts';
import { type Filled, fillSecondary } from './replicate/fillSecondary.ts';
import { newTally, type PlaceState, type Replica, type ReplicateRun } from './replicate/run.ts';
import type { JobOutcome } from './runner.ts';
import { assertStoreAgrees } from './storeAgreement.ts';

export type { PlaceState } from './replicate/run.ts';

/** `replication` of a vault's StoreState. */
export interface ReplicationState {
  readonly at: number;
  readonly places: readonly PlaceState[];
  /** Every point until then is on the secondary; ms. */
  readonly lastSyncTime?: number;
}

/**
 * Housekeeping, without parameters: what a zone has missed is filled from the others, then the secondary is brought up
 * to date; docs/replication.md. A place that does not answer is a warning. Errors: StoreReconcileRequired,
 * StoreQuorumMissing, those of the database.
 */
export async function runReplicate(context: JobContext): Promise<JobOutcome> {
  const { db, stores, job, clock } = context;
  const wish = await getVault(db.queries, job.vaultId);
  if (wish) await stores.adoptSecondary(wish);
  if ((await stores.open(job.vaultId)).failedOver) {
    const note = 'The vault is read from its secondary: nothing is copied until it is failed back.';
    return { status: 'CompletedWithWarnings', propertyBag: { Replication: note } };
  }
  const vault = await assertStoreAgrees(context, job.vaultId);
  const run: ReplicateRun = { context, vault, tally: newTally() };
  const zones = await fillZones(run);
  const secondary = await fill(run);
  context.signal.throwIfAborted();
  const places = [...zones, ...(secondary?.places ?? [])];
  const state = await record(context, { at: clock.now(), places, ...secondary?.filled });
  return outcomeOf(run, state);
}

async function fillZones(run: ReplicateRun): Promise<readonly PlaceState[]> {
  const { reaper, layout } = run.vault;
  const replicas = (reaper.copies ?? []).map((backend, index): Replica => {
    return { name: layout?.primary[index] ?? `copy ${index + 1}`, backend, missing: 0 };
  });
  if (replicas.length > 1) await compareCopies(run, replicas);
  else return (layout?.primary ?? []).map((name) => ({ name, role: 'primary', state: 'ok', missing: 0 }));
  return replicas.map((replica) => placeState(replica, 'primary'));
}

async function fill(
  run: ReplicateRun,
): Promise<{ readonly places: readonly PlaceState[]; readonly filled?: Pick<Filled, 'lastSyncTime'> } | undefined> {
  const { secondary, layout } = run.vault;
  if (!secondary) return undefined;
  const names = layout?.secondary ?? ['secondary'];
  const placesAs = (one: Omit<Replica, 'name' | 'backend'>) =>
    names.map((name) => placeState({ ...one, name, backend: secondary }, 'secondary'));
  try {
    const { lastSyncTime, missing } = await fillSecondary(run, secondary);
    return { places: placesAs({ missing }), filled: { lastSyncTime } };
  } catch (failure) {
    run.context.signal.throwIfAborted();
    run.context.log.warn({ err: failure }, 'the secondary could not be brought up to date');
    return { places: placesAs({ missing: 0, failure }) };
  }
}

const placeState = ({ name, missing, failure }: Replica, role: PlaceState['role']): PlaceState => {
  const why = failure instanceof Error ? failure.message : failure === undefined ? undefined : String(failure);
  if (why !== undefined)
    return { name, role, state: isCoded(failure, 'StoreFull') ? 'behind' : 'unreachable', missing, why };
  if (missing === 0) return { name, role, state: 'ok', missing };
  return { name, role, state: 'behind', missing, why: 'no good copy of these objects was found to copy from' };
};

/** What a run could not find out stays as an earlier one left it. */
async function record({ db, job }: JobContext, found: ReplicationState): Promise<ReplicationState> {
  return db.transaction(async (tx) => {
    const before = (await getStoreState(tx, job.vaultId)).replication;
    const replication = { ...before, ...found };
    await changeStoreState(tx, job.vaultId, { replication: replication as unknown as JsonObject });
    return replication;
  });
}

function outcomeOf({ tally }: ReplicateRun, { places, lastSyncTime }: ReplicationState): JobOutcome {
  const wanting = places.filter(({ state }) => state !== 'ok');
  const told = places.map(({ name, state, missing, why }) => [
    `Place ${name}`,
    [state, missing > 0 ? `${missing} objects missing` : '', why ?? ''].filter((word) => word !== '').join(': '),
  ]);
  return {
    status: wanting.length === 0 && tally.lost === 0 ? 'Completed' : 'CompletedWithWarnings',
    propertyBag: {
      ...Object.fromEntries(told),
      'Copied Objects': String(tally.copied),
      'Copied Size': `${Math.ceil(tally.copiedBytes / 2 ** 20)} MB`,
      'Replaced Objects': String(tally.replaced),
      'Removed Objects': String(tally.removed),
      ...(tally.lost > 0 ? { 'Objects Without Good Copy': String(tally.lost) } : {}),
      ...(lastSyncTime === undefined ? {} : { 'Last Sync Time': isoTime(lastSyncTime) }),
    },
  };
}
