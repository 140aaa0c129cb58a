import { abortOpenSessions } from '../db/reconciliation.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import { highestGc } from '../store/ownership.ts';
import type { JobContext } from './context.ts';
import { adoptCommits } from './reconcile/adoptCommits.ts';
import { dropCommits } from './reconcile/dropCommits.ts';
import { endDecided } from './reconcile/endDecided.ts';
import { matchPacks } from './reconcile/matchPacks.ts';
import { type ReconcileReport, readReport, summaryOf } from './reconcile/report.ts';
import { settleSnapshots } from './reconcile/settleSnapshots.ts';
import type { JobOutcome } from './runner.ts';
import { claimStore } from './storeAgreement.ts';
import type { OpenVault } from './vaultStores.ts';

/**
 * Makes the catalogue what the store says: docs/lost-database.md. Each step can be done again, and a run that was
 * killed goes on where it was; until the last step backups, collections and prunings of the vault wait.
 * Errors: StoreLies, Conflict (another server takes the store over just now), StoreIoFailed.
 */
export async function runReconcile(context: JobContext): Promise<JobOutcome> {
  const { stores, job, log } = context;
  const vault = await stores.open(job.vaultId);
  if (vault.failedOver) throw failedOver(job.vaultId);
  const gcSeq = await begin(context, vault);
  await adoptCommits(context, vault);
  await dropCommits(context, vault);
  await settleSnapshots(context);
  await matchPacks(context, vault);
  await endDecided(context, vault);
  const report = await end(context, vault, gcSeq);
  log.info({ vault: job.vaultId, ...counts(report) }, 'database and store were reconciled');
  const hasWarnings = report.dropped.length + report.left.length > 0;
  return { status: hasWarnings ? 'CompletedWithWarnings' : 'Completed', propertyBag: counts(report) };
}

const failedOver = (vaultId: string): CodedError =>
  new CodedError('Conflict', `The vault ${vaultId} is failed over to its secondary, which is behind by nature.`, {
    target: vaultId,
    recommendations: ['Fail back to the primary, then reconcile.'],
  });

/**
 * The store's number of deletions, read before anything is compared: a deletion that comes later, by a server that was
 * not stopped, is noticed after the reconciliation.
 */
async function begin(context: JobContext, vault: OpenVault): Promise<number> {
  const { db, clock, job } = context;
  await db.transaction(async (tx) => {
    const { reconcile } = await getStoreState(tx, job.vaultId);
    const why = ['A reconciliation was asked for.'];
    if (!reconcile) await changeStoreState(tx, job.vaultId, { reconcile: { since: clock.now(), why } });
    await abortOpenSessions(tx, job.vaultId, clock.now());
  });
  await claimStore(context, vault);
  return highestGc(vault.store.backend);
}

async function end(context: JobContext, { store }: OpenVault, gcSeq: number): Promise<ReconcileReport> {
  const { db, clock } = context;
  const report = await readReport(context);
  await db.transaction(async (tx) => {
    const state = await getStoreState(tx, store.vaultId);
    await changeStoreState(tx, store.vaultId, {
      gcSeq: Math.max(gcSeq, state.gcSeq),
      gcEpoch: state.gcEpoch + 1,
      reconcile: undefined,
      lastReconcile: summaryOf(report, clock.now()),
    });
  });
  return report;
}

const counts = (report: ReconcileReport): Record<string, string> => ({
  'Points adopted': String(report.adopted.length),
  'Points dropped': String(report.dropped.length),
  'Objects left as they are': String(report.left.length),
  'Items adopted': String(report.newItems.length),
  'Decided commits completed': String(report.completed.length),
  'Packs adopted': String(report.packsAdopted),
  'Packs lost': String(report.packsLost),
});
