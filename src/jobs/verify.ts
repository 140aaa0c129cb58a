import { countDamagedPoints } from '../db/damages.ts';
import { coverageOf } from '../db/packVerification.ts';
import { changeStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import type { JobContext } from './context.ts';
import type { JobOutcome } from './runner.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import type { OpenVault } from './vaultStores.ts';
import { tellAffectedPoints } from './verify/affectedPoints.ts';
import { verifyOnePoint, verifyPoints } from './verify/deep.ts';
import { newTally, placesOf, type VerifyRun } from './verify/run.ts';
import { scrubObjects } from './verify/scrubObjects.ts';
import { scrubPacks, scrubSuspects } from './verify/scrubPacks.ts';

/** What a Verify job may be asked for. */
export interface VerifyParameters {
  /** Absent: both. `scrub` compares objects with their names; `deep` opens and re-hashes the chunks of points. */
  readonly scope?: 'scrub' | 'deep';
  /** Only this recovery point, all of it. */
  readonly pointId?: string;
  /** All objects, or all points, whenever they were verified last. What people ask for by themselves is all. */
  readonly all?: boolean;
  /** At most about so many bytes are read by each of the two; absent: the day's share, or all. */
  readonly budgetBytes?: number;
}

const FAILED_OVER = 'The vault is read from its secondary; its store is verified when it is back.';

/**
 * Looks for damage, repairs what a good copy is left of, and tells which ranges of which points are lost otherwise.
 * How far it came is in the rows of packs and points, so a run that was killed is gone on with by the next.
 * docs/verification.md. Errors: ResourceNotFound (pointId), StoreNotAVault (the place is empty), StoreIoFailed.
 */
export async function runVerify(context: JobContext): Promise<JobOutcome> {
  const { scope, pointId, all = false, budgetBytes } = context.job.parameters as VerifyParameters;
  const run = await beginRun(context);
  if (run.vault.failedOver) return { status: 'Completed', propertyBag: { Note: FAILED_OVER } };
  await scrubSuspects(run);
  if (pointId !== undefined) await verifyOnePoint(run, pointId);
  else {
    if (scope !== 'deep') {
      await scrubObjects(run);
      await scrubPacks(run, budgetBytes ?? (all ? Number.POSITIVE_INFINITY : undefined));
    }
    if (scope !== 'scrub')
      await verifyPoints(run, { all: all && scope === 'deep', ...(budgetBytes !== undefined && { budgetBytes }) });
  }
  await tellAffectedPoints(run);
  return conclude(run);
}

async function beginRun(context: JobContext): Promise<VerifyRun> {
  const { vaultId } = context.job;
  const vault = await context.stores.open(vaultId);
  await assertIsThere(vault);
  // an old database takes for lost what was let go: it must not make that again
  await assertStoreAgrees(context, vaultId);
  return { context, vaultId, vault, places: placesOf(vault), startedAt: context.clock.now(), tally: newTally() };
}

/** An empty folder where the store should be (a disk that is not mounted) is no damage of everything in it. */
async function assertIsThere({ store: { backend, vaultId } }: OpenVault): Promise<void> {
  if (await backend.head('fmt')) return;
  for await (const _keys of backend.list('keys/')) return;
  throw new CodedError(
    'StoreNotAVault',
    `The place of vault ${vaultId} is empty: neither 'fmt' nor 'keys/' is there.`,
    {
      recommendations: ['Check that its disk is mounted, or its bucket the right one; nothing was marked as damaged.'],
    },
  );
}

async function conclude({ context, vaultId, tally, startedAt }: VerifyRun): Promise<JobOutcome> {
  const { db } = context;
  const { neverVerified, oldestVerifiedAt, damagedPacks } = await coverageOf(db.queries, vaultId);
  const damagedPoints = await countDamagedPoints(db.queries, vaultId);
  const lastVerify: JsonObject & { at: number } = {
    at: startedAt,
    objects: tally.objects,
    bytes: tally.bytes,
    points: tally.points,
    openedBytes: tally.openedBytes,
    ...(oldestVerifiedAt === undefined ? {} : { oldestVerifiedAt }),
    neverVerified,
    damaged: damagedPacks,
    damagedPoints,
    damagedObjects: tally.damaged,
    repaired: tally.repaired,
    secondReads: tally.secondReads,
    waiting: tally.waiting,
  };
  await db.transaction((tx) => changeStoreState(tx, vaultId, { lastVerify }));
  const isWhole = damagedPacks === 0 && damagedPoints === 0 && tally.damaged.length + tally.waiting.length === 0;
  return {
    status: isWhole ? 'Completed' : 'CompletedWithWarnings',
    propertyBag: {
      'Objects Checked': String(tally.objects),
      'Recovery Points Opened': String(tally.points),
      'Copies Repaired': String(tally.repaired),
      'Damaged Packs': String(damagedPacks),
      'Damaged Recovery Points': String(damagedPoints),
      ...(tally.secondReads > 0 ? { 'Reads Repeated': String(tally.secondReads) } : {}),
      ...(tally.damaged.length > 0 ? { 'Damaged Objects': tally.damaged.join(', ') } : {}),
      ...(tally.waiting.length > 0 ? { Waiting: tally.waiting.join(' ') } : {}),
    },
  };
}
