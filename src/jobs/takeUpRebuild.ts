import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { endJobsOfVault } from '../db/endJobs.ts';
import { enqueueHousekeeping } from '../db/housekeeping.ts';
import { putPolicy } from '../db/policies.ts';
import { findResourceGroup, putResourceGroup } from '../db/resourceGroups.ts';
import type { Queries } from '../db/schema.ts';
import { getSetting, putSetting } from '../db/settings.ts';
import { changeStoreState } from '../db/storeStates.ts';
import { allVaults, insertVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { type RebuildRequest, readRebuildRequest, removeRebuildRequest } from '../store/rebuild.ts';
import { DEFAULT_POLICY_NAME, defaultPolicy, ENHANCED_POLICY_NAME, enhancedPolicy } from '../vault/defaultPolicies.ts';
import { jobError } from '../vault/errorCatalogue.ts';
import { newVault } from '../vault/vaultRules.ts';
import type { JobTools } from './context.ts';
import { newHousekeepingJob } from './housekeeping.ts';

/** Before the database is opened, which would make an empty one. Errors: Conflict (the rebuild was cut off). */
export async function assertRebuildComplete(requestFile: string, databaseFile: string): Promise<void> {
  const request = await readRebuildRequest(requestFile);
  if (!request?.database || existsSync(databaseFile)) return;
  throw new CodedError('Conflict', `A rebuild was cut off: ${requestFile} asks for a database that is not in place.`, {
    target: requestFile,
    recommendations: ['Run `strongroom store rebuild` again, then start the server.'],
  });
}

/**
 * Does what `strongroom store rebuild` left for this start, before any job runs and before ids of this installation
 * are given: makes the vaults that the database does not know, asks for the reconciliation of all, and ends the jobs
 * that the copy believes to be under way.
 */
export async function takeUpRebuild(
  { db, clock, log }: Pick<JobTools, 'db' | 'clock' | 'log'>,
  requestFile: string,
  location: string,
): Promise<void> {
  const request = await readRebuildRequest(requestFile);
  if (!request) return;
  await db.transaction(async (tx) => {
    const now = clock.now();
    await makeVaults(tx, request, location, now);
    const why = [
      `The catalogue was rebuilt from ${request.database?.name ?? 'the store, without a copy of the database'}.`,
    ];
    const ended = jobError(
      'StoreReconcileRequired',
      'The database was put back from a copy; nobody knows how far this job has come since.',
      ['Ask for it again once the vault is reconciled.'],
    );
    for (const vault of await allVaults(tx)) {
      await changeStoreState(tx, vault.id, { reconcile: { since: now, why } });
      await endJobsOfVault(tx, vault.id, ended, now);
      await enqueueHousekeeping(tx, newHousekeepingJob(vault, 'Reconcile', now));
    }
  });
  await removeRebuildRequest(requestFile);
  log.warn({ request }, 'the catalogue was rebuilt; the vaults are reconciled with their stores now');
}

async function makeVaults(tx: Queries, request: RebuildRequest, location: string, now: number): Promise<void> {
  const subscriptionId = await settingOr(tx, 'subscriptionId', request.subscriptionId);
  await settingOr(tx, 'tenantId', request.tenantId);
  const known = new Set((await allVaults(tx)).map(({ id }) => id));
  for (const { vaultId, name, resourceGroup } of request.vaults.filter((vault) => !known.has(vault.vaultId))) {
    await insertVault(tx, newVault({ id: vaultId, subscriptionId, resourceGroup, name, location }, now));
    if (!(await findResourceGroup(tx, subscriptionId, resourceGroup)))
      await putResourceGroup(tx, { subscriptionId, name: resourceGroup, location, tags: {}, createdAt: now });
    for (const [policyName, rules] of [
      [DEFAULT_POLICY_NAME, defaultPolicy(now)],
      [ENHANCED_POLICY_NAME, enhancedPolicy(now)],
    ] as const) {
      const base = { id: randomUUID(), vaultId, name: policyName, version: 1, createdAt: now, updatedAt: now };
      await putPolicy(tx, { ...rules, ...base });
    }
  }
}

/** What the database has counts; else what is given, else a new one. */
async function settingOr(tx: Queries, name: string, given: string | undefined): Promise<string> {
  const known = await getSetting(tx, name);
  if (known !== undefined) return known;
  const value = given ?? randomUUID();
  await putSetting(tx, name, value);
  return value;
}
