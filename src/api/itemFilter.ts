import { type Condition, conditionsOf, type Filter, type FilterProperties } from '../arm/filter.ts';
import type { ItemFilter } from '../db/itemList.ts';
import { listPolicies } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError } from '../lib/error.ts';
import { parseContainerName, type parseItemName } from '../vault/names.ts';
import type { Vault } from '../vault/vault.ts';

/** What lists of items and containers can be filtered by; Azure's names, then ours. */
export const ITEM_FILTER = {
  backupManagementType: 'string',
  itemType: 'string',
  workloadType: 'string',
  policyName: 'string',
  containerName: 'string',
  friendlyName: 'string',
  fabricName: 'string',
  backupSetName: 'string',
  healthState: 'string',
  status: 'string',
  protectionState: 'string',
  isScheduledForDeferredDelete: 'boolean',
  expand: 'string',
} as const satisfies FilterProperties;

/** What every item of a vault is: asking for anything else finds nothing. */
const CONSTANTS: Readonly<Record<string, string>> = {
  backupManagementType: 'azureiaasvm',
  itemType: 'vm',
  workloadType: 'vm',
  fabricName: 'azure',
};

export interface ItemQuery {
  /** undefined: nothing can be found. */
  readonly filter: ItemFilter | undefined;
  /** `expand eq 'extendedinfo'`: each item with its points counted. */
  readonly isExpanded: boolean;
}

/** `$filter` of a list as a question to the database. Errors: InvalidFilter (other than `eq` joined by `and`). */
export async function itemQuery(queries: Queries, vault: Vault, filter: Filter | undefined): Promise<ItemQuery> {
  const conditions = conditionsOf(filter);
  let found: ItemFilter | undefined = { vaultId: vault.id };
  for (const condition of conditions) {
    const part = await partOf(queries, vault, condition);
    found = found && part && together(found, part);
  }
  const isExpanded = conditions.some(
    ({ property, value }) => property === 'expand' && /^extendedinfo$/i.test(`${value}`),
  );
  return { filter: found, isExpanded };
}

async function partOf(queries: Queries, vault: Vault, condition: Condition): Promise<ItemFilter | undefined> {
  const { property, operator, value } = condition;
  if (operator !== 'eq')
    throw new CodedError('InvalidFilter', `$filter: '${property}' is compared with 'eq' alone, not '${operator}'.`, {
      target: '$filter',
    });
  const text = String(value);
  const constant = CONSTANTS[property];
  if (constant !== undefined) return text.toLowerCase() === constant ? {} : undefined;
  switch (property) {
    case 'policyName':
      return { policyIds: await policyIds(queries, vault, text) };
    case 'containerName':
      return machineIn(() => parseContainerName(text));
    case 'friendlyName':
      return { vmName: text };
    case 'healthState':
      return { health: text };
    case 'protectionState':
      return { protectionState: text };
    case 'status':
      return statusOf(text);
    case 'isScheduledForDeferredDelete':
      return { isSoftDeleted: value === true };
    case 'backupSetName':
      return undefined;
    default:
      return {};
  }
}

async function policyIds(queries: Queries, vault: Vault, name: string): Promise<readonly string[]> {
  const policies = await listPolicies(queries, vault.id);
  return policies.filter((policy) => policy.name.toLowerCase() === name.toLowerCase()).map(({ id }) => id);
}

/** A name that is none of a machine finds nothing; it is no error to look for it. */
function machineIn(parse: () => ReturnType<typeof parseItemName>): ItemFilter | undefined {
  try {
    const { resourceGroup, vmName } = parse();
    return { resourceGroup, vmName };
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

const statusOf = (status: string): ItemFilter | undefined => {
  if (/^registered$/i.test(status)) return { isSoftDeleted: false };
  return /^softdeleted$/i.test(status) ? { isSoftDeleted: true } : undefined;
};

/** Both; undefined when they contradict each other. */
function together(one: ItemFilter, other: ItemFilter): ItemFilter | undefined {
  for (const [name, value] of Object.entries(other)) {
    const known = one[name as keyof ItemFilter];
    if (known !== undefined && `${known}`.toLowerCase() !== `${value}`.toLowerCase()) return undefined;
  }
  return { ...one, ...other };
}
