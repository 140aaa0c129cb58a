import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Kysely } from 'kysely';
import { ARM_JOB_OPERATIONS, HOUSEKEEPING_OPERATIONS } from '../vault/job.ts';
import { listActivity } from './activity.ts';
import { countAlerts, listAlerts } from './alertList.ts';
import { pageOfArmResources } from './armResources.ts';
import { pageOfAudit } from './auditChain.ts';
import { forgetJobs } from './forgetJobs.ts';
import { dueGuestExtensions } from './guestExtensions.ts';
import { forgetHousekeeping, lastStartOf } from './housekeeping.ts';
import { countItems, pageItems } from './itemList.ts';
import { listItemsDue, listItemsToPrune, listPurgesToAnnounce } from './itemSchedule.ts';
import { findItem, findItemsOfMachine, listItemsToPurge } from './items.ts';
import { countJobs, countOnDemandBackups } from './jobCounts.ts';
import { listJobs, listUnendedJobs } from './jobList.ts';
import { claimJob } from './jobs.ts';
import { migrate } from './migrations/migrate.ts';
import { dueNotifications } from './notifications.ts';
import { countOperations } from './operations.ts';
import { encodeKeyset, encodeNames } from './page.ts';
import { newestPointTimes, pointSpan } from './pointSpan.ts';
import { countPoints, listPoints } from './points.ts';
import { countItemsByPolicy, countItemsOfPolicy } from './policies.ts';
import { countRestores } from './restores.ts';
import type { Queries, Schema } from './schema.ts';
import { NodeSqliteDialect } from './sqlite/dialect.ts';
import { countsOfVault, countVaults } from './vaults.ts';

const V = { vaultId: 'vault-1' };
const AFTER = encodeKeyset({ time: 1, id: 'x' });
const SHOWN = { operations: ARM_JOB_OPERATIONS };
const AFTER_NAMES = encodeNames(['group', 'machine', 'id']);
/** What SQLite calls the index of `items_machine`. */
const BY_MACHINE = 'sqlite_autoindex_items_2';
const scope = '/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v';

interface Asked {
  readonly ask: (db: Queries) => Promise<unknown>;
  /** An index that must be used. */
  readonly by?: string;
  /** Why few rows are sorted. */
  readonly sorts?: string;
  /** Why a walk ends soon. */
  readonly walks?: string;
}

const LISTS: Readonly<Record<string, Asked>> = {
  items: { ask: (db) => pageItems(db, V), by: BY_MACHINE },
  'items, next page': { ask: (db) => pageItems(db, V, { after: AFTER_NAMES }), by: BY_MACHINE },
  'items, by name': { ask: (db) => pageItems(db, { ...V, vmName: 'a' }), by: 'items_by_name' },
  'items, by machine': { ask: (db) => pageItems(db, { ...V, vmName: 'a', resourceGroup: 'g' }), by: BY_MACHINE },
  'items, by policy': { ask: (db) => pageItems(db, { ...V, policyIds: ['p'] }), by: 'items_of_policies' },
  'items, by state': { ask: (db) => pageItems(db, { ...V, protectionState: 'protected' }), by: 'items_by_state' },
  'items, by health': { ask: (db) => pageItems(db, { ...V, health: 'ACTIONREQUIRED' }), by: 'items_by_health' },
  'items with intent': { ask: (db) => pageItems(db, { ...V, hasIntent: true }), by: 'items_by_intent' },
  'items, deleted': { ask: (db) => pageItems(db, { ...V, isSoftDeleted: true }), by: 'items_by_deletion' },
  'items, not deleted': { ask: (db) => pageItems(db, { ...V, isSoftDeleted: false }), by: 'items_by_deletion' },
  'items of a snapshot group': {
    ask: (db) => pageItems(db, { snapshotGroup: 'r' }),
    by: 'items_by_snapshot_group',
  },
  'count of items': { ask: (db) => countItems(db, V) },
  'counts of a vault': { ask: (db) => countsOfVault(db, 'vault-1') },
  'count by policy': { ask: (db) => countItemsByPolicy(db, 'vault-1'), by: 'items_of_policies' },
  'count of a policy': { ask: (db) => countItemsOfPolicy(db, 'p'), by: 'items_by_policy' },
  'count of vaults': { ask: (db) => countVaults(db, 's') },
  item: { ask: (db) => findItem(db, 'vault-1', 'g', 'm') },
  'items of a machine': { ask: (db) => findItemsOfMachine(db, 'g', 'm'), sorts: 'one a vault' },
  points: { ask: (db) => listPoints(db, 'i', { restorableOnly: true }), by: 'points_by_time' },
  'points, next page': { ask: (db) => listPoints(db, 'i', {}, { after: AFTER }), by: 'points_by_time' },
  'points, by time': { ask: (db) => listPoints(db, 'i', { takenFrom: 1, takenTo: 2 }), by: 'points_by_time' },
  'points in the vault': { ask: (db) => listPoints(db, 'i', { vaultedOnly: true }), by: 'points_vaulted' },
  'points, counted': { ask: (db) => pointSpan(db, 'i'), by: 'COVERING INDEX points_by_time' },
  'points, newest of each': { ask: (db) => newestPointTimes(db, ['i', 'j']), by: 'COVERING INDEX points_by_time' },
  jobs: { ask: (db) => listJobs(db, { ...V, ...SHOWN }), by: 'jobs_listed' },
  'jobs, next page': { ask: (db) => listJobs(db, { ...V, ...SHOWN }, { after: AFTER }), by: 'jobs_listed' },
  'jobs, of a time': { ask: (db) => listJobs(db, { ...V, ...SHOWN, startFrom: 1, startTo: 2 }), by: 'jobs_listed' },
  'jobs, by operation': { ask: (db) => listJobs(db, { ...V, operations: ['Restore'] }), by: 'jobs_by_operation' },
  'jobs, failed': { ask: (db) => listJobs(db, { ...V, ...SHOWN, statuses: ['Failed'] }), by: 'jobs_by_status' },
  'jobs, of an operation, failed': {
    ask: (db) => listJobs(db, { ...V, operations: ['Backup'], statuses: ['Failed'] }),
    by: 'jobs_by_status',
  },
  'jobs, of an operation, completed': {
    ask: (db) => listJobs(db, { ...V, operations: ['Restore'], statuses: ['Completed'] }),
    by: 'jobs_by_operation',
  },
  'jobs, under way': { ask: (db) => listJobs(db, { ...V, ...SHOWN, statuses: ['InProgress'] }), by: 'jobs_unended' },
  'jobs, by machine': { ask: (db) => listJobs(db, { ...V, ...SHOWN, entity: 'M' }), by: 'jobs_by_entity' },
  'jobs, by machine, failed': {
    ask: (db) => listJobs(db, { ...V, ...SHOWN, entity: 'M', statuses: ['Failed'] }),
    by: 'jobs_by_entity',
  },
  'housekeeping jobs': { ask: (db) => listJobs(db, { ...V, operations: HOUSEKEEPING_OPERATIONS }), by: 'jobs_listed' },
  'jobs under way of an item': { ask: (db) => listUnendedJobs(db, { itemId: 'i' }) },
  'jobs to claim': { ask: (db) => claimJob(db, 'o', 1, 1, ['Backup']), by: 'jobs_queue' },
  'count of jobs': {
    ask: (db) => countJobs(db, { ...V, operations: ['ConfigureBackup', 'DisableBackup'], startFrom: 1 }),
    by: 'jobs_by_operation',
  },
  'count of on-demand backups': { ask: (db) => countOnDemandBackups(db, 'i', 1), by: 'jobs_by_item' },
  'count of restores': { ask: (db) => countRestores(db, 'i', 1), by: 'jobs_by_item' },
  'count of points': { ask: (db) => countPoints(db, 'i'), by: 'COVERING INDEX points_by_time' },
  'last start of housekeeping': { ask: (db) => lastStartOf(db, 'vault-1', 'DrillKit'), by: 'jobs_by_operation' },
  'housekeeping to forget': { ask: (db) => forgetHousekeeping(db, 1), by: 'jobs_ended' },
  'jobs to forget': { ask: (db) => forgetJobs(db, 1), by: 'jobs_queue' },
  'count of operations': {
    ask: (db) => countOperations(db, 'vault-1', { under: '/backupPolicies/', since: 1 }),
    by: 'operations_by_vault',
  },
  'items due': { ask: (db) => listItemsDue(db, 1, { limit: 9, after: { id: 'i', dueAt: 1 } }), by: 'items_due' },
  'items to prune': { ask: (db) => listItemsToPrune(db, 1, 9), by: 'items_prune' },
  'items to purge': { ask: (db) => listItemsToPurge(db, 1), by: 'items_by_purge', sorts: 'few are due' },
  'purges to announce': { ask: (db) => listPurgesToAnnounce(db, 1, 9), by: 'items_by_purge', sorts: 'few are due' },
  'extensions due': { ask: (db) => dueGuestExtensions(db, 1, 9), by: 'guest_extensions_by_look' },
  'alerts of a vault': { ask: (db) => listAlerts(db, { scope }), by: 'alerts_by', sorts: 'those of one vault' },
  'alerts, counted': { ask: (db) => countAlerts(db, { scope }), by: 'COVERING INDEX', sorts: 'few groups' },
  'notifications due': { ask: (db) => dueNotifications(db, 1, 9), by: 'notifications_queue' },
  activity: { ask: (db) => listActivity(db, { from: 1, to: 2, scope }, { limit: 9 }), by: 'audit_events_by' },
  audit: { ask: (db) => pageOfAudit(db, 9), walks: 'the newest, by their number' },
  'audit of a caller': { ask: (db) => pageOfAudit(db, 9, 5, { caller: 'c' }), by: 'audit_events_by_caller' },
  'neighbours of a type': {
    ask: (db) => pageOfArmResources(db, { subscriptionId: 's', type: 't', resourceGroup: 'g', size: 9 }),
    by: 'arm_resources_by_type',
  },
};

for (const [name, { ask, by, sorts, walks }] of Object.entries(LISTS)) {
  test(`${name}: found by an index, not by a walk through a table`, async () => {
    const plans = await plansOf(ask);
    assert.ok(plans.length > 0);
    const text = plans.join('\n');
    if (walks === undefined) assert.doesNotMatch(text, /SCAN (?!CONSTANT)/, text);
    if (sorts === undefined) assert.doesNotMatch(text, /TEMP B-TREE FOR ORDER/, text);
    if (by !== undefined) assert.ok(text.includes(by), text);
  });
}

/** How SQLite finds the rows of each query that is asked; on an empty database, for it keeps no statistics. */
async function plansOf(ask: (db: Queries) => Promise<unknown>): Promise<readonly string[]> {
  const connection = new DatabaseSync(':memory:');
  const asked = new Set<string>();
  const prepare = connection.prepare.bind(connection);
  const noting = (sql: string) => {
    asked.add(sql);
    return prepare(sql);
  };
  const dialect = new NodeSqliteDialect(Object.assign(connection, { prepare: noting }));
  await using db = new Kysely<Schema>({ dialect });
  await migrate(db);
  asked.clear();
  await ask(db);
  return [...asked]
    .filter((sql) => /^(select|delete|update)/.test(sql))
    .flatMap((sql) => (prepare(`explain query plan ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail));
}
