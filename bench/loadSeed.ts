import { randomUUID } from 'node:crypto';
import { putGuestExtension } from '../src/db/guestExtensions.ts';
import { setNextDue, setPruned } from '../src/db/itemSchedule.ts';
import { insertItem } from '../src/db/items.ts';
import { recordEndedJob } from '../src/db/jobs.ts';
import { openDatabase } from '../src/db/openDatabase.ts';
import { putPoint } from '../src/db/points.ts';
import { listPolicies } from '../src/db/policies.ts';
import { setScheduleCursor } from '../src/db/schedule.ts';
import type { Queries } from '../src/db/schema.ts';
import { allVaults } from '../src/db/vaults.ts';
import { newHousekeepingJob } from '../src/jobs/housekeeping.ts';
import { backupSubTasks, type EndedJobStatus, HOUSEKEEPING_OPERATIONS } from '../src/vault/job.ts';
import { shortContainerName } from '../src/vault/names.ts';
import type { Policy } from '../src/vault/policy.ts';
import type { ProtectedItem } from '../src/vault/protectedItem.ts';
import type { RecoveryPoint } from '../src/vault/recoveryPoint.ts';
import { decideVaulted } from '../src/vault/retention.ts';
import { nextRuns } from '../src/vault/schedule.ts';
import type { Vault } from '../src/vault/vault.ts';
import { decideVaultTier } from '../src/vault/vaultTierDecision.ts';

export interface LoadSize {
  readonly items: number;
  readonly pointsOfItem: number;
  readonly jobs: number;
}

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const ROWS_AT_ONCE = 2000;
const ITEMS_AT_ONCE = 50;

interface Seeded {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly item: ProtectedItem;
}

type Row = (tx: Queries) => Promise<unknown>;

/**
 * Fills the database of a stopped server, whose vaults share the items evenly; through the same doors as the server.
 * It is left as a server leaves it that has run for years: what is done once a day is spread over the day.
 */
export async function seedLoad(path: string, size: LoadSize, now: number): Promise<readonly ProtectedItem[]> {
  await using db = await openDatabase({ path });
  const all: Seeded[] = [];
  const vaults = (await allVaults(db.queries)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const [index, vault] of vaults.entries()) {
    const [policy] = (await listPolicies(db.queries, vault.id)).filter(({ name }) => name === 'weekly');
    const share = Math.floor(size.items / vaults.length) + (index < size.items % vaults.length ? 1 : 0);
    for (let number = 0; number < share; number++)
      all.push({ vault, policy: policy!, item: itemOf(vault, policy!, `press-${index}-${number}`, now) });
  }
  const put = (rows: readonly Row[]) =>
    db.transaction(async (tx) => {
      for (const row of rows) await row(tx);
    });
  const spread = (index: number) => now + Math.floor((index / all.length) * DAY_MS);
  const items = all.map(
    ({ item }, index) =>
      (tx: Queries) =>
        putItem(tx, item, now, spread(index)),
  );
  for (const some of inGroups(items, ROWS_AT_ONCE)) await put(some);
  for (const some of inGroups(all, ITEMS_AT_ONCE))
    await put(some.flatMap((one) => pointsOf(one, size.pointsOfItem, now)));
  const jobs = Array.from({ length: size.jobs }, (_, index) => jobOf(all[index % all.length]!.item, index, now));
  for (const some of inGroups(jobs, ROWS_AT_ONCE)) await put(some);
  return all.map(({ item }) => item);
}

/** Says that every store was looked after just now: a kept folder is as one whose server never stopped. */
export async function seedHousekeeping(path: string, now: number): Promise<void> {
  await using db = await openDatabase({ path });
  for (const vault of await allVaults(db.queries))
    for (const operation of HOUSEKEEPING_OPERATIONS)
      await recordEndedJob(db.queries, newHousekeepingJob(vault, operation, now), {
        status: 'Completed',
        endTime: now,
      });
}

const itemOf = (vault: Vault, policy: Policy, vmName: string, now: number): ProtectedItem => ({
  ...{ id: randomUUID(), vaultId: vault.id, host: 'qemu', resourceGroup: vault.resourceGroup, vmName },
  vmId: randomUUID(),
  sourceResourceId: `/subscriptions/${vault.subscriptionId}/resourceGroups/${vault.resourceGroup}/providers/Microsoft.Compute/virtualMachines/${vmName}`,
  ...{ protectionState: 'Protected', policyId: policy.id, createdAt: now - 800 * DAY_MS, updatedAt: now },
  lastBackup: { status: 'Completed', time: now - DAY_MS },
});

const putItem = async (tx: Queries, item: ProtectedItem, now: number, nextAt: number): Promise<void> => {
  const { id, host, resourceGroup, vmName, vmId } = item;
  await insertItem(tx, item);
  await setScheduleCursor(tx, id, now);
  await setNextDue(tx, id, nextAt);
  await setPruned(tx, id, { prunedAt: now, nextAt });
  await putGuestExtension(tx, { host, resourceGroup, vmName, vmId, status: 'unsupported', since: now, lookAt: nextAt });
};

/** One a week, each kept as the policy keeps it. */
const pointsOf = ({ item, policy, vault }: Seeded, count: number, now: number): readonly Row[] => {
  const nextRun = nextRuns(policy, now, 1)[0]!.at;
  const points = Array.from({ length: count }, (_, index) => pointOf(item, nextRun - (index + 1) * WEEK_MS));
  const decisions = decideVaulted(points, policy, { now, isPaused: false });
  const context = { now, isPaused: false, softDeleteRetentionDays: vault.softDeleteRetentionDays };
  return points.map((point, index) => {
    const decision = decisions[index]!; // newest first, as the points
    const vaulted = decideVaultTier({ ...point.vaulted!, cseq: index + 1 }, decision, context);
    return (tx: Queries) => putPoint(tx, { ...point, vaulted, keptBy: decision.reasons });
  });
};

const pointOf = (item: ProtectedItem, takenAt: number): RecoveryPoint => ({
  ...{ id: `${takenAt}000`, vaultId: item.vaultId, itemId: item.id, jobId: randomUUID(), takenAt },
  occurrenceKey: `${new Date(takenAt).toISOString().slice(0, 10)}/02:30`,
  ...{ consistency: 'application', keptBy: [], excludedDisks: [], machine: { osType: 'Linux' } },
  disks: [-1, 0].map((lun) => ({ lun, name: `disk${lun}`, diskId: `${item.vmId}-${lun}`, sizeBytes: 2 ** 36 })),
  vaulted: { commitName: `rp/${item.id}/${takenAt}`, cseq: 1, storedAt: takenAt },
});

const jobOf =
  (item: ProtectedItem, index: number, now: number): Row =>
  async (tx) => {
    const startTime = now - (index % 60) * DAY_MS - index;
    const status: EndedJobStatus = index % 17 === 0 ? 'Failed' : 'Completed';
    const job = {
      ...{ vaultId: item.vaultId, itemId: item.id, operation: 'Backup' as const, entityFriendlyName: item.vmName },
      ...{ isUserTriggered: index % 5 === 0, startedBy: 'schedule', startTime, subTasks: backupSubTasks() },
      ...{ containerName: shortContainerName(item), propertyBag: { 'VM Name': item.vmName, 'Policy Name': 'weekly' } },
    };
    const errors =
      status === 'Failed' ? [{ code: 'SnapshotFailed', message: 'No snapshot was taken.', recommendations: [] }] : [];
    await recordEndedJob(tx, job, { status, endTime: startTime + 60_000, errors });
  };

function* inGroups<T>(rows: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += size) yield rows.slice(from, from + size);
}
