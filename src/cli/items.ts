import type { ProtectedItem } from '../api/wire/protectedItem.ts';
import type { ProtectionContainer } from '../api/wire/protectionContainer.ts';
import { CodedError } from '../lib/error.ts';
import type { ArmClient } from './client.ts';
import { UsageError } from './exit.ts';
import { below, itemPath, lastSegment, providerPath, sameName, VAULTS } from './ids.ts';

export const vaultPath = (arm: ArmClient, group: string, vault: string): string =>
  providerPath(arm.subscriptionId, group, VAULTS, vault);

/** The protected items of a vault, or of one of its policies. */
export function listItems(arm: ArmClient, vault: string, policyName?: string): Promise<ProtectedItem[]> {
  const filter =
    policyName === undefined
      ? "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
      : `policyName eq ${quoted(policyName)}`;
  return arm.list('backup', below(vault, 'backupProtectedItems'), { query: { $filter: filter } });
}

export function listContainers(arm: ArmClient, vault: string, friendlyName?: string): Promise<ProtectionContainer[]> {
  const named = friendlyName === undefined ? '' : ` and friendlyName eq ${quoted(friendlyName)}`;
  return arm.list('backup', below(vault, 'backupProtectionContainers'), {
    query: { $filter: `backupManagementType eq 'AzureIaasVM'${named} and status eq 'Registered'` },
  });
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Finds one protected item by names as az takes them: native ('VM;iaasvmcontainerv2;rg;vm') or friendly, compared
 * without case. Errors: ResourceNotFound, UsageError when a friendly name stands for more than one.
 */
export async function findItem(arm: ArmClient, vault: string, container: string, item: string): Promise<ProtectedItem> {
  if (isNative(container) && isNative(item)) {
    return arm.get('backup', itemPath(vault, nativeContainer(container), nativeItem(item)));
  }
  const found = (await listItems(arm, vault)).filter(
    (candidate) => inContainer(candidate, container) && isNamed(candidate, item),
  );
  if (found.length > 1) {
    const names = found.map((candidate) => candidate.name).join(', ');
    throw new UsageError(`option '-i, --item-name <name>' argument '${item}' stands for ${names}; give a native name`);
  }
  if (found[0]) return found[0];
  throw new CodedError('ResourceNotFound', `The vault has no protected item '${item}' in container '${container}'.`, {
    target: item,
    recommendations: ['`strongroom item list` shows the items of a vault.'],
  });
}

/** The path under which an item answers, read from its id: its name alone does not hold the container. */
export const pathOf = ({ id }: ProtectedItem): string => id;

export function inContainer({ id, properties }: ProtectedItem, container: string): boolean {
  const { containerName } = properties;
  const full = containerOf(id);
  const friendly = lastPart(containerName);
  return [full, containerName, friendly].some((name) => sameName(name, container));
}

export const isNamed = (item: ProtectedItem, name: string): boolean =>
  sameName(item.name, name) || sameName(item.properties.friendlyName, name) || sameName(lastSegment(item.id), name);

const isNative = (name: string): boolean => /;/.test(name);

const containerOf = (id: string): string => /\/protectionContainers\/([^/]+)/i.exec(id)?.[1] ?? '';

const lastPart = (name: string): string => name.slice(name.lastIndexOf(';') + 1);

const nativeContainer = (name: string): string => (/^iaasvmcontainer;/i.test(name) ? name : `IaasVMContainer;${name}`);

const nativeItem = (name: string): string => (/^vm;/i.test(name) ? name : `VM;${name}`);
