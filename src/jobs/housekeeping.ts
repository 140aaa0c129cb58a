import { enqueueHousekeeping, forgetHousekeeping, lastStartOf } from '../db/housekeeping.ts';
import { allVaults } from '../db/vaults.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../lib/clock.ts';
import type { HousekeepingOperation } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Vault } from '../vault/vault.ts';
import type { JobTools } from './context.ts';

/** How often a vault's store is looked after; the first time so long after the vault was made. */
const EVERY: readonly (readonly [HousekeepingOperation, number])[] = [
  ['Replicate', 15 * MINUTE_MS],
  ['CopyCatalogue', HOUR_MS],
  ['ExtendLocks', HOUR_MS],
  ['Verify', DAY_MS],
  ['Collect', DAY_MS],
  ['DrillKit', 7 * DAY_MS],
];
/** What they found stays in the store's state; the jobs themselves would pile up. */
const KEEP_JOBS_MS = 30 * DAY_MS;

/** Asks for the housekeeping that is due in every vault; true when something was asked for. */
export async function askForHousekeeping(tools: Pick<JobTools, 'db' | 'clock' | 'log'>): Promise<boolean> {
  const { db, clock, log } = tools;
  let asked = false;
  for (const vault of await allVaults(db.queries)) {
    // its store is being removed
    if (vault.provisioningState === 'Deleting') continue;
    try {
      for (const [operation, everyMs] of EVERY) {
        const last = (await lastStartOf(db.queries, vault.id, operation)) ?? vault.createdAt;
        if (clock.now() - last < everyMs) continue;
        await enqueueHousekeeping(db.queries, newHousekeepingJob(vault, operation, clock.now()));
        asked = true;
      }
    } catch (error) {
      log.error({ err: error, vault: vault.id }, 'housekeeping could not be asked for');
    }
  }
  await forgetHousekeeping(db.queries, clock.now() - KEEP_JOBS_MS);
  return asked;
}

export const newHousekeepingJob = (
  vault: Pick<Vault, 'id' | 'name'>,
  operation: HousekeepingOperation,
  now: number,
  request: { readonly by: string; readonly parameters: JsonObject } | undefined = undefined,
) => ({
  vaultId: vault.id,
  operation,
  entityFriendlyName: vault.name,
  isUserTriggered: request !== undefined,
  startedBy: request?.by ?? 'schedule',
  startTime: now,
  parameters: request?.parameters ?? {},
});
