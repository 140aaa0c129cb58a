import type { LoadServer } from './loadServer.ts';

/** What the requests name of an item. */
export interface SeededItem {
  readonly vmName: string;
  readonly resourceGroup: string;
}

/** Each kind of request, as a path for the n-th time. */
export function loadRequests(
  server: LoadServer,
  vaults: number,
  items: readonly SeededItem[],
): ReadonlyMap<string, (n: number) => string> {
  const vault = (n: number) => server.vaultPath(n % vaults);
  const item = (n: number) => items[(n * 7919) % items.length]!;
  const ofItem = (n: number): string => {
    const { vmName, resourceGroup } = item(n);
    const name = `iaasvmcontainerv2;${resourceGroup};${vmName}`;
    const index = Number(vmName.split('-')[1]);
    return `${server.vaultPath(index)}/backupFabrics/Azure/protectionContainers/IaasVMContainer;${name}/protectedItems/vm;${name}`;
  };
  const filter = (text: string): string => `?$filter=${encodeURIComponent(text)}`;
  const days = (count: number): string => new Date(Date.now() - count * 86_400_000).toISOString();
  return new Map([
    ['vaults', () => `${server.subscription}/providers/Microsoft.RecoveryServices/vaults`],
    ['items', (n: number) => `${vault(n)}/backupProtectedItems`],
    [
      'items, by name',
      (n: number) => `${vault(n)}/backupProtectedItems${filter(`friendlyName eq '${item(n).vmName}'`)}`,
    ],
    ['items, by policy', (n: number) => `${vault(n)}/backupProtectedItems${filter("policyName eq 'weekly'")}`],
    ['item', ofItem],
    ['points', (n: number) => `${ofItem(n)}/recoveryPoints`],
    [
      'points, by time',
      (n: number) => `${ofItem(n)}/recoveryPoints${filter(`startDate eq '${days(30)}' and endDate eq '${days(10)}'`)}`,
    ],
    ['jobs', (n: number) => `${vault(n)}/backupJobs`],
    ['jobs, failed', (n: number) => `${vault(n)}/backupJobs${filter("status eq 'Failed'")}`],
    [
      'jobs, of a week',
      (n: number) =>
        `${vault(n)}/backupJobs${filter(`operation eq 'Backup' and startTime eq '${days(9)}' and endTime eq '${days(2)}'`)}`,
    ],
    [
      'containers, by name',
      (n: number) =>
        `${vault(n)}/backupProtectionContainers${filter(`backupManagementType eq 'AzureIaasVM' and friendlyName eq '${item(n).vmName}'`)}`,
    ],
    ['policies', (n: number) => `${vault(n)}/backupPolicies`],
  ]);
}
