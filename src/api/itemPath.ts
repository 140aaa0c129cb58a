import type { Queries } from '../db/schema.ts';
import { CodedError } from '../lib/error.ts';
import { itemArmId, vaultArmId } from '../vault/armIds.ts';
import { isSameMachine, type MachineName, parseContainerName, parseItemName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { Vault } from '../vault/vault.ts';
import { requireItem, requireVault, type VaultParams } from './lookups.ts';
import type { Services } from './services.ts';

export interface ContainerParams extends VaultParams {
  readonly fabricName: string;
  readonly containerName: string;
}

export interface ItemParams extends ContainerParams {
  readonly protectedItemName: string;
}

/** The ARM id of an item; container and item name in the spelling of the machine. */
export const itemIdOf = (vault: Vault, machine: MachineName): string => itemArmId(vaultArmId(vault), machine);

/** Errors: BadRequest. */
export function requireFabric(fabricName: string): void {
  if (fabricName.toLowerCase() === 'azure') return;
  throw new CodedError('BadRequest', `fabricName is '${fabricName}'; legal is 'Azure'.`, { target: 'fabricName' });
}

/** The machine that container and item name both name. Errors: those of the names, BadRequest. */
export function machineOf(params: ItemParams): MachineName {
  requireFabric(params.fabricName);
  const container = parseContainerName(params.containerName);
  const machine = parseItemName(params.protectedItemName);
  if (isSameMachine(container, machine)) return machine;
  throw new CodedError(
    'BMSUserErrorProtectedItemNameIncorrectFormat',
    `protectedItemName '${params.protectedItemName}' names another machine than containerName '${params.containerName}'; both must end in the same ';{resource group};{virtual machine}'.`,
    { target: 'protectedItemName' },
  );
}

export interface FoundItem {
  readonly vault: Vault;
  readonly item: ProtectedItem;
  /** ARM id. */
  readonly id: string;
}

/** Errors: those of `requireVault`, `machineOf` and `requireItem`. */
export async function findPathItem(
  services: Services,
  params: ItemParams,
  queries: Queries = services.db.queries,
): Promise<FoundItem> {
  const vault = await requireVault(services, params, queries);
  const item = await requireItem(queries, vault, machineOf(params));
  return { vault, item, id: itemIdOf(vault, item) };
}
