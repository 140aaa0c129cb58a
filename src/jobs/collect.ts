import { type Collector, collectablePacks, decideCollection, forgetGone, sessionFacts } from '../db/collection.ts';
import { storedBytes } from '../db/packs.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { countTrash, dueTrash } from '../db/trash.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { DedupeIndex } from '../store/dedupeIndex.ts';
import { markRoots } from '../store/mark.ts';
import { PackMarks } from '../store/packMarks.ts';
import { applyBrakes, type Brake, brakesOf } from './collect/brakes.ts';
import { compactPacks } from './collect/compactPacks.ts';
import { CollectionDecisions } from './collect/decisions.ts';
import { dropPacks, putMark, takeOutTrash } from './collect/drop.ts';
import { type CollectReport, describe, emptyReport, reportOf } from './collect/report.ts';
import { RootReader } from './collect/roots.ts';
import { type CollectSettings, DEFAULT_COLLECT_SETTINGS } from './collect/settings.ts';
import { adoptUnknownPacks, type UnknownPacks } from './collect/unknownPacks.ts';
import type { JobContext } from './context.ts';
import type { JobHandler, JobOutcome } from './runner.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import type { OpenVault } from './vaultStores.ts';

export type { CollectReport } from './collect/report.ts';
export { type CollectSettings, DEFAULT_COLLECT_SETTINGS } from './collect/settings.ts';

export interface CollectParameters {
  /** Says what would go, and why; changes nothing. */
  readonly dryRun?: boolean;
  /** An operator has looked at what would go, or at the clock. */
  readonly approved?: boolean;
}

/** The handler of `Collect` jobs; docs/collection.md. */
export const runCollect: JobHandler = (context) => collectVault(context);

/** A vault decides again when a commit came in between; more often than this something else is wrong. */
const TRIES = 100;

/**
 * Frees what no recovery point needs: condemns packs today, drops or compacts what was condemned long enough ago.
 * docs/vault-store.md, "Collect". Parameters: CollectParameters.
 * Errors: CollectRefused, StoreReconcileRequired, StoreDataDamaged and StoreObjectMissing (a tree cannot be followed),
 * StoreIoFailed, StoreFull, JobLeaseLost.
 */
export async function collectVault(
  context: JobContext,
  changed: Partial<CollectSettings> = {},
): Promise<JobOutcome & { readonly report: CollectReport }> {
  const settings = { ...DEFAULT_COLLECT_SETTINGS, ...changed };
  const { dryRun = false, approved = false } = context.job.parameters as CollectParameters;
  const run: Run = {
    ...subjectOf(context, settings),
    vault: await assertStoreAgrees(context, context.job.vaultId, 'full'),
  };
  try {
    const report = dryRun ? await lookOnly(run) : await collect(run, approved);
    return { status: 'Completed', propertyBag: describe(report), report };
  } catch (error) {
    if (isCoded(error, 'CollectRefused') && !dryRun) await rememberRefusal(run, error);
    throw error;
  }
}

interface Run {
  readonly context: JobContext;
  readonly collector: Collector;
  readonly settings: CollectSettings;
  readonly vault: OpenVault;
}

const subjectOf = (context: JobContext, settings: CollectSettings) => {
  const { vaultId, id: jobId, epoch } = context.job;
  return { context, settings, collector: { vaultId, jobId, epoch } };
};

async function collect(run: Run, isApproved: boolean): Promise<CollectReport> {
  const { context, collector, settings, vault } = run;
  const { db, clock } = context;
  applyBrakes(await allBrakes(run), isApproved);
  await settings.onStep('unknown');
  const unknown = await adoptUnknown(run, false);
  await settings.onStep('mark');
  const { marks, roots } = await mark(run);
  const { decisions, oldestEpoch, deletes } = await decide(run, { marks, roots, isApproved });
  await settings.onStep('forget');
  forgetInDedupe(vault, decisions);
  if (deletes) await putMark(context, { vault });
  const dropped = deletes ? await dropPacks(context, { vault, collector, settings }) : NOTHING;
  const emptied = deletes ? await takeOutTrash(context, { vault, collector, settings }) : 0;
  const compacted = await compactPacks(context, { vault, collector, marks, settings });
  await forgetGone(db.queries, collector.vaultId, oldestEpoch);
  const at = clock.now();
  const trash = await countTrash(db.queries, collector.vaultId);
  const report = reportOf({ at, points: roots.points, decisions, unknown, dropped, emptied, compacted, trash });
  const { packs: _packs, ...summary } = report;
  await db.transaction((tx) => changeStoreState(tx, collector.vaultId, { lastCollect: summary }));
  return report;
}

const NOTHING = { packs: 0, bytes: 0, locked: 0 };

/** Reads and decides as a collection does, and changes nothing but what it shows. */
async function lookOnly(run: Run): Promise<CollectReport> {
  const { context, collector, settings } = run;
  const { db, clock } = context;
  const brakes = await allBrakes(run);
  const unknown = await adoptUnknown(run, true);
  const { marks, roots } = await mark(run);
  const { decisions } = await plan(run, marks);
  const refused = [...brakes, ...decisions.brakes(settings)].map(({ why }) => why);
  const trash = await countTrash(db.queries, collector.vaultId);
  const report = {
    ...reportOf({ ...emptyReport, at: clock.now(), points: roots.points, decisions, unknown, trash }),
    ...(refused.length > 0 && { refused }),
  };
  await db.transaction((tx) => changeStoreState(tx, collector.vaultId, { collectPlan: report }));
  return report;
}

const allBrakes = async ({ context, vault, settings, collector }: Run): Promise<readonly Brake[]> =>
  brakesOf(vault, await getStoreState(context.db.queries, collector.vaultId), context.clock, settings);

const adoptUnknown = ({ context, collector, vault, settings }: Run, isDry: boolean): Promise<UnknownPacks> =>
  adoptUnknownPacks(context, collector, { backend: vault.reaper, keys: vault.store.structKeys }, { settings, isDry });

async function mark(run: Run): Promise<{ readonly marks: PackMarks; readonly roots: RootReader }> {
  const { context, collector, vault } = run;
  const { packs } = await storedBytes(context.db.queries, collector.vaultId);
  const marks = await PackMarks.build(collectablePacks(context.db.queries, collector.vaultId), packs);
  const roots = new RootReader(context.db.queries, vault.store);
  await markNext(run, marks, roots);
  return { marks, roots };
}

const markNext = ({ context, vault }: Run, marks: PackMarks, roots: RootReader) =>
  markRoots({
    backend: vault.store.backend,
    keys: vault.store.structKeys,
    marks,
    roots: roots.next(),
    signal: context.signal,
  });

/** R3: what came since the marking is marked, then it is decided again. */
async function decide(
  run: Run,
  { marks, roots, isApproved }: { readonly marks: PackMarks; readonly roots: RootReader; readonly isApproved: boolean },
) {
  const { context, collector, settings } = run;
  const { db, clock } = context;
  for (let tries = 0; tries < TRIES; tries++) {
    await settings.onStep('plan');
    const { decisions, oldestEpoch } = await plan(run, marks);
    applyBrakes(decisions.brakes(settings), isApproved);
    await settings.onStep('decide');
    const now = clock.now();
    const hasTrash = (await dueTrash(db.queries, collector.vaultId, now, 1)).length > 0;
    const deletes = decisions.count('drop') > 0 || hasTrash;
    const decided = await decideCollection(db.queries, collector, {
      seen: roots.seen,
      moves: decisions.moves,
      deletes,
      now,
    });
    if (decided) return { decisions, oldestEpoch, deletes };
    await markNext(run, marks, roots);
  }
  throw new CodedError('CollectRefused', `Nothing was collected: points came ${TRIES} times while it was decided.`, {
    recommendations: ['Run the collection again when fewer backups are under way.'],
  });
}

async function plan({ context, collector, settings }: Run, marks: PackMarks) {
  const { db, clock } = context;
  const { underWay, withPoint, oldestEpoch } = await sessionFacts(db.queries, collector.vaultId);
  const facts = {
    now: clock.now(),
    oldestEpoch,
    isUnderWay: (id: string) => underWay.has(id),
    hasPoint: (id: string) => withPoint.has(id),
  };
  const decisions = new CollectionDecisions(marks);
  for await (const page of collectablePacks(db.queries, collector.vaultId))
    for (const pack of page) decisions.add(pack, facts, settings);
  return { decisions, oldestEpoch };
}

/** New backups are not to build on what is on its way out; who has found it already rescues it by committing. */
const forgetInDedupe = ({ dedupePath }: OpenVault, { moves }: CollectionDecisions): void => {
  const packs = [...moves.condemnToDrop, ...moves.condemnToCompact];
  if (packs.length === 0) return;
  using index = new DedupeIndex(dedupePath);
  index.forget(packs);
};

async function rememberRefusal({ context, collector }: Run, { message }: CodedError): Promise<void> {
  const { db, clock } = context;
  await db.transaction(async (tx) => {
    const { lastCollect } = await getStoreState(tx, collector.vaultId);
    const refused = { at: isoTime(clock.now()), why: message };
    await changeStoreState(tx, collector.vaultId, {
      lastCollect: { ...lastCollect, at: lastCollect?.at ?? 0, refused },
    });
  });
}
