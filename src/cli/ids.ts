import { UsageError } from './exit.ts';

/** ARM's paths and ids: names stand as they are given, the server compares them without case. */

/** A name as one path segment; ';' goes raw, as in container names. Errors: UsageError. */
function segment(name: string): string {
  // A URL would drop these and mean something else.
  if (/^\.{0,2}$/.test(name)) throw new UsageError(`'${name}' is not a name`);
  return encodeURIComponent(name).replaceAll('%3B', ';');
}

export const subscriptionPath = (subscriptionId: string): string => `/subscriptions/${segment(subscriptionId)}`;

export const groupPath = (subscriptionId: string, group: string): string =>
  `${subscriptionPath(subscriptionId)}/resourceGroups/${segment(group)}`;

/** With a group: its resources of that type; without: the subscription's. `name` narrows to one. */
export function providerPath(subscriptionId: string, group: string | undefined, type: string, name?: string): string {
  const scope = group === undefined ? subscriptionPath(subscriptionId) : groupPath(subscriptionId, group);
  return `${scope}/providers/${type}${name === undefined ? '' : `/${segment(name)}`}`;
}

export const VAULTS = 'Microsoft.RecoveryServices/vaults';
export const MACHINES = 'Microsoft.Compute/virtualMachines';

/** The path of something below a vault, as `backupJobs`, `{name}`. */
export const below = (path: string, ...names: string[]): string => [path, ...names.map(segment)].join('/');

/** The path of a container's item. */
export const itemPath = (vault: string, container: string, item: string): string =>
  below(vault, 'backupFabrics', 'Azure', 'protectionContainers', container, 'protectedItems', item);

/** What an id says, keys in lower case: `{resourcegroups: 'rg', vaults: 'v', backupjobs: 'j'}`. */
export function idParts(id: string): Readonly<Record<string, string | undefined>> {
  const parts: Record<string, string> = {};
  const names = id.split('/').filter((name) => name !== '');
  for (let at = 0; at + 1 < names.length; at += 2) {
    const key = (names[at] as string).toLowerCase();
    // `providers/Microsoft.X` is one pair like the others.
    parts[key] = names[at + 1] as string;
  }
  return parts;
}

/** A vault's path as the flags that name it on a command line. */
export function vaultFlags(path: string): string {
  const parts = idParts(path);
  return `-g ${decodeURIComponent(parts.resourcegroups ?? '')} -v ${decodeURIComponent(parts.vaults ?? '')}`;
}

export const lastSegment = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export const sameName = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase();

/** Every resource in an answer also tells its resource group, read from its id. */
export function withResourceGroup(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withResourceGroup);
  if (typeof value !== 'object' || value === null) return value;
  if (!('id' in value) || typeof value.id !== 'string' || 'resourceGroup' in value) return value;
  const group = idParts(value.id).resourcegroups;
  return group === undefined ? value : { ...value, resourceGroup: group };
}
