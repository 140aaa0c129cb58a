import type { BackupPolicy } from '../../api/wire/backupPolicy.ts';
import { below } from '../ids.ts';
import { findItem, inContainer, listItems, vaultPath } from '../items.ts';
import { group, leaf, MANAGEMENT_TYPES, needed, oneOf, WORKLOAD_TYPES } from '../options.ts';
import { putItem } from '../protect.ts';
import { act, type Shell } from '../shell.ts';

export const itemCommands = (shell: Shell) =>
  group('item', 'Protected items: machines under a policy', [list(shell), show(shell), setPolicy(shell)]);

const inVault = (name: string, summary: string) =>
  leaf(name, summary)
    .option('-g, --resource-group <name>', "the vault's resource group")
    .option('-v, --vault-name <name>', 'the vault')
    .option('-c, --container-name <name>', 'the container, friendly or native name')
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES))
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES));

interface ItemOptions {
  readonly resourceGroup?: string | undefined;
  readonly vaultName?: string | undefined;
  readonly containerName?: string | undefined;
  readonly name?: string | undefined;
}

const vaultOf = (options: ItemOptions): [group: string, vault: string] => [
  needed(options.resourceGroup, '-g, --resource-group <name>'),
  needed(options.vaultName, '-v, --vault-name <name>'),
];

const itemOf = (options: ItemOptions): [container: string, item: string] => [
  needed(options.containerName, '-c, --container-name <name>'),
  needed(options.name, '-n, --name <name>'),
];

const list = (shell: Shell) =>
  inVault('list', "List a vault's protected items").action(
    act(shell, async ({ arm }, options) => {
      const items = await listItems(arm, vaultPath(arm, ...vaultOf(options)));
      const { containerName } = options;
      return containerName === undefined ? items : items.filter((item) => inContainer(item, containerName));
    }),
  );

const show = (shell: Shell) =>
  inVault('show', 'Show a protected item')
    .option('-n, --name <name>', 'the item, friendly or native name')
    .option('--ids <ids...>', 'ids instead of names')
    .action(
      act(shell, async ({ arm }, options) => {
        if (options.ids === undefined) {
          return findItem(arm, vaultPath(arm, ...vaultOf(options)), ...itemOf(options));
        }
        const items: unknown[] = [];
        for (const id of options.ids) items.push(await arm.get('backup', id));
        return items.length === 1 ? items[0] : items;
      }),
    );

const setPolicy = (shell: Shell) =>
  inVault('set-policy', "Change an item's policy")
    .option('-n, --name <name>', 'the item, friendly or native name')
    .requiredOption('-p, --policy-name <name>', 'the new policy')
    .option('--no-wait', 'do not wait for the job')
    .action(
      act(shell, async (session, options) => {
        const { arm } = session;
        const vault = vaultPath(arm, ...vaultOf(options));
        const item = await findItem(arm, vault, ...itemOf(options));
        const policy = await arm.get<BackupPolicy>('backup', below(vault, 'backupPolicies', options.policyName));
        const change = { sourceResourceId: item.properties.sourceResourceId, policyId: policy.id };
        await putItem(session, vault, item.id, change, options.wait);
      }),
    );
