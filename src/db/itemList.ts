import { PROTECTION_STATES, type ProtectedItem } from '../vault/protectedItem.ts';
import type { healthOf } from '../vault/protection.ts';
import { fromRow } from './items.ts';
import { cutPage, DEFAULT_PAGE_SIZE, decodeNames, encodeNames, type Page, type PageRequest } from './page.ts';
import type { Queries } from './schema.ts';

/** What an item must be; compared without case. */
export interface ItemFilter {
  readonly vaultId?: string;
  readonly resourceGroup?: string;
  readonly vmName?: string;
  readonly policyIds?: readonly string[];
  readonly protectionState?: string;
  readonly health?: string;
  readonly isSoftDeleted?: boolean;
  readonly hasIntent?: boolean;
  /** The group its snapshots are shown in; 'any': those that have one. */
  readonly snapshotGroup?: string;
}

/** By resource group and machine. Errors: InvalidSkipToken. */
export const pageItems = async (
  db: Queries,
  filter: ItemFilter,
  page: PageRequest = {},
): Promise<Page<ProtectedItem>> => {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  let query = filtered(db, filter).select('body');
  if (page.after !== undefined) {
    const [group, machine, id] = decodeNames(page.after, 3) as [string, string, string];
    query = query.where((e) => e(e.refTuple('resource_group_key', 'vm_key', 'id'), '>', e.tuple(group, machine, id)));
  }
  const rows = await query
    .orderBy('resource_group_key')
    .orderBy('vm_key')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  return cutPage(rows.map(fromRow), limit, ({ resourceGroup, vmName, id }) =>
    encodeNames([resourceGroup.toLowerCase(), vmName.toLowerCase(), id]),
  );
};

export const countItems = async (db: Queries, filter: ItemFilter): Promise<number> => {
  const row = await filtered(db, filter)
    .select((e) => e.fn.countAll<number>().as('items'))
    .executeTakeFirstOrThrow();
  return Number(row.items);
};

/** Machines, as `{group}/{name}` in lower case, that a vault cannot protect: its own in any state, active ones of others. */
export const listTakenMachines = async (db: Queries, vaultId: string): Promise<ReadonlySet<string>> => {
  const rows = await db
    .selectFrom('items')
    .select(['resource_group_key', 'vm_key'])
    .where((e) => e.or([e('vault_id', '=', vaultId), e('next_due_at', 'is not', null)]))
    .execute();
  return new Set(rows.map((row) => `${row.resource_group_key}/${row.vm_key}`));
};

const filtered = (db: Queries, filter: ItemFilter) => {
  const { vaultId, resourceGroup, vmName, policyIds, snapshotGroup } = filter;
  let query = db.selectFrom('items');
  if (vaultId !== undefined) query = query.where('vault_id', '=', vaultId);
  if (resourceGroup !== undefined) query = query.where('resource_group_key', '=', resourceGroup.toLowerCase());
  if (vmName !== undefined) query = query.where('vm_key', '=', vmName.toLowerCase());
  if (policyIds?.length === 0) query = query.where('policy_id', 'is', null).where('policy_id', 'is not', null);
  else if (policyIds !== undefined) query = query.where('policy_id', 'in', [...policyIds]);
  if (filter.protectionState !== undefined)
    query = query.where('protection_state', '=', spelled(filter.protectionState, PROTECTION_STATES));
  if (filter.health !== undefined) query = query.where('health', '=', spelled(filter.health, HEALTHS));
  if (filter.isSoftDeleted !== undefined) query = query.where('is_deleted', '=', filter.isSoftDeleted ? 1 : 0);
  if (filter.hasIntent !== undefined) query = query.where('has_intent', '=', filter.hasIntent ? 1 : 0);
  if (snapshotGroup === 'any') query = query.where('snapshot_group_key', 'is not', null);
  else if (snapshotGroup !== undefined) query = query.where('snapshot_group_key', '=', snapshotGroup.toLowerCase());
  return query;
};

const HEALTHS: readonly ReturnType<typeof healthOf>[] = ['Passed', 'ActionRequired'];

/** As the column spells it: a comparison without case would find no index. A word that is none finds nothing. */
const spelled = (word: string, words: readonly string[]): string =>
  words.find((other) => other.toLowerCase() === word.toLowerCase()) ?? '';
