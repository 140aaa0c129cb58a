import { readFile } from 'node:fs/promises';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { getVault } from '../db/vaults.ts';
import { type CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { newestKeysNumber } from '../store/keyChanges.ts';
import { type DrillReport, drillKit } from '../store/kitDrill.ts';
import { readKit } from '../store/recoveryKit.ts';
import type { JobContext } from './context.ts';
import type { JobOutcome } from './runner.ts';
import { hasVaultKit, type WrittenKit } from './vaultKit.ts';

/** Leaves of each disk that are opened; deep verification opens all of them. */
const SAMPLE_LEAVES = 2;

/**
 * Housekeeping, weekly: proves the vault's recovery kit with its text and the store alone, writes a new one when the
 * keys changed, and takes keys that were changed from outside into use. No parameters.
 */
export async function runDrillKit(context: JobContext): Promise<JobOutcome> {
  const { job, stores, db } = context;
  const vault = { id: job.vaultId, ...nameOf(await getVault(db.queries, job.vaultId)) };
  const known = (await getStoreState(db.queries, vault.id)).recoveryKit;
  try {
    const { store } = await openNewest(context);
    const made = known?.keysNumber === store.keysNumber ? {} : await stores.writeKit(vault);
    if (!hasVaultKit(stores.keys, vault.id)) {
      const why = 'its page was taken from the server: prove the printed one with `strongroom store drill`';
      return record(context, { ...made, ok: null, why }, { status: 'Completed', propertyBag: { 'Recovery kit': why } });
    }
    const report = await drill(context, store.backend);
    const why = report.damages[0]?.message ?? null;
    return await record(context, { ...made, ok: report.ok, why }, outcomeOf(report));
  } catch (error) {
    if (!isFinding(error)) throw error;
    const propertyBag = { 'Recovery kit': error.message };
    return record(context, { ok: false, why: error.message }, { status: 'CompletedWithWarnings', propertyBag });
  }
}

const nameOf = (vault: { readonly name: string } | undefined) => (vault ? { name: vault.name } : {});

/** Keys that another process has put since are in use from here on. Errors: those of `openStore`. */
async function openNewest({ stores, job }: JobContext) {
  const open = await stores.open(job.vaultId);
  const newest = await newestKeysNumber(open.store.backend);
  if (newest === open.store.keysNumber) return open;
  return stores.reopen(job.vaultId);
}

async function drill({ stores, job, signal }: JobContext, backend: Backend): Promise<DrillReport> {
  const text = await readFile(stores.keys.kitFile(job.vaultId), 'utf8');
  const secret = readKit(text).kek.kind === 'told' ? await stores.keys.read(job.vaultId, signal) : undefined;
  return drillKit(text, { backend, signal, sampleLeaves: SAMPLE_LEAVES, ...(secret && { secret }) });
}

const outcomeOf = (report: DrillReport): JobOutcome => ({
  status: report.ok ? 'Completed' : 'CompletedWithWarnings',
  propertyBag: {
    'Recovery kit': report.ok ? 'opens the store' : (report.damages[0]?.message ?? 'does not open the store'),
    'Items opened': String(report.items),
    'Bytes opened': String(report.checkedBytes),
  },
});

/** The storage's own failures end the job, and it is tried again. */
const isFinding = (error: unknown): error is CodedError =>
  isCoded(error, 'RecoveryKitInvalid') || isCoded(error, 'StoreKeyWrong') || isCoded(error, 'StoreDataDamaged');

async function record(
  { db, clock, job, log }: JobContext,
  found: Partial<WrittenKit> & { readonly ok: boolean | null; readonly why: string | null },
  outcome: JobOutcome,
): Promise<JobOutcome> {
  await db.transaction(async (tx) => {
    const before = (await getStoreState(tx, job.vaultId)).recoveryKit;
    const recoveryKit = { ...before, ...found, drilledAt: clock.now() };
    await changeStoreState(tx, job.vaultId, { recoveryKit });
  });
  if (found.ok === false)
    log.error({ vaultId: job.vaultId, why: found.why }, 'the recovery kit does not open the store');
  return outcome;
}
