import type { ProtectedItem } from '../../api/wire/protectedItem.ts';
import type { Store } from '../../api/wire/store.ts';
import type { EnabledOrDisabled, Vault, VaultRequest } from '../../api/wire/vault.ts';
import { ArmError } from '../armError.ts';
import { followJob } from '../followJob.ts';
import { below, providerPath, VAULTS } from '../ids.ts';
import { listItems, pathOf, vaultPath } from '../items.ts';
import { jobOf, settled } from '../operation.ts';
import { group, leaf, needed, oneOf, tags } from '../options.ts';
import { act, type Session, type Shell } from '../shell.ts';
import { eachTarget, type Named, targets } from '../targets.ts';
import { vaultStoreCommands } from './vaultStore.ts';

export const vaultCommands = (shell: Shell) =>
  group('vault', 'Recovery Services vaults', [
    create(shell),
    show(shell),
    list(shell),
    remove(shell),
    ...vaultStoreCommands(shell),
  ]);

interface VaultOptions {
  readonly resourceGroup?: string | undefined;
  readonly name?: string | undefined;
  readonly vaultName?: string | undefined;
}

const one = (name: string, summary: string) =>
  leaf(name, summary)
    .option('-g, --resource-group <name>', 'its resource group')
    .option('-n, --name <name>', 'its name')
    .option('-v, --vault-name <name>', 'the same');

const names = (options: VaultOptions): Readonly<Record<'group' | 'vault', Named>> => ({
  group: ['-g, --resource-group <name>', options.resourceGroup, 'resourcegroups'],
  vault: ['-n, --name <name>', options.name ?? options.vaultName, 'vaults'],
});

const create = (shell: Shell) =>
  one('create', 'Create a vault, or change its tags and settings')
    .requiredOption('-l, --location <location>', 'where the machines are that it protects')
    .option('--tags <tags...>', 'key=value words')
    .option('--public-network-access <state>', 'Enable or Disable', oneOf(['Enable', 'Disable']))
    .option('--immutability-state <state>', 'Disabled, Unlocked or Locked', oneOf(['Disabled', 'Unlocked', 'Locked']))
    .option('--job-failure-alerts <state>', 'Enable or Disable', oneOf(['Enable', 'Disable']))
    .action(
      act(shell, async (session, options) => {
        const { arm } = session;
        const [target] = targets(arm.subscriptionId, undefined, names(options));
        const path = vaultPath(arm, needed(target?.group, '-g'), needed(target?.vault, '-n'));
        const existing = await arm.find<Vault>('vault', path);
        const request = vaultRequest(options);
        const answer = await arm.send<Vault>(existing ? 'PATCH' : 'PUT', 'vault', path, { body: request });
        await settled(session, 'vault', answer);
        if (!existing) await tellRecoveryKit(session, path);
        return arm.get<Vault>('vault', path);
      }),
    );

/** Who makes a vault is the one to print its kit; the page itself never travels. */
async function tellRecoveryKit({ arm, say }: Session, vault: string): Promise<void> {
  const store = await arm.find<Store>('backup', below(vault, 'stores', 'default'));
  const path = store?.properties.recoveryKit?.path;
  if (typeof path === 'string') say(`Print the recovery kit of this vault and lock it away: ${path} on the server.`);
}

interface VaultSettings {
  readonly location: string;
  readonly tags?: readonly string[] | undefined;
  readonly publicNetworkAccess?: 'Enable' | 'Disable' | undefined;
  readonly immutabilityState?: 'Disabled' | 'Unlocked' | 'Locked' | undefined;
  readonly jobFailureAlerts?: 'Enable' | 'Disable' | undefined;
}

const vaultRequest = (options: VaultSettings): VaultRequest => ({
  location: options.location,
  tags: tags(options.tags),
  sku: { name: 'Standard' },
  properties: {
    publicNetworkAccess: stateOf(options.publicNetworkAccess),
    monitoringSettings: options.jobFailureAlerts && {
      azureMonitorAlertSettings: { alertsForAllJobFailures: stateOf(options.jobFailureAlerts) },
    },
    securitySettings: options.immutabilityState && { immutabilitySettings: { state: options.immutabilityState } },
  },
});

const stateOf = (verb: 'Enable' | 'Disable' | undefined): EnabledOrDisabled | undefined => verb && `${verb}d`;

const show = (shell: Shell) =>
  one('show', 'Show a vault')
    .option('--ids <ids...>', 'ids instead of names')
    .action(
      act(shell, ({ arm }, options) =>
        eachTarget(targets(arm.subscriptionId, options.ids, names(options)), (target) =>
          arm.get('vault', vaultPath(arm, target.group, target.vault)),
        ),
      ),
    );

const list = (shell: Shell) =>
  leaf('list', 'List the vaults')
    .option('-g, --resource-group <name>', 'only those of this resource group')
    .action(
      act(shell, ({ arm }, options) =>
        arm.list<Vault>('vault', providerPath(arm.subscriptionId, options.resourceGroup, VAULTS)),
      ),
    );

const remove = (shell: Shell) =>
  one('delete', 'Delete a vault with its store and its key file')
    .option('--ids <ids...>', 'ids instead of names')
    .option('--force', 'first stop the protection of its items and delete their backups')
    .option('-y, --yes', 'do not ask')
    .action(
      act(shell, async (session, options) => {
        const all = targets(session.arm.subscriptionId, options.ids, names(options));
        const what = all.map((target) => target.vault).join(', ');
        const first = options.force ? 'Stop the protection of all items, delete their backups, then delete' : 'Delete';
        const [noun, its] = all.length === 1 ? ['vault', 'its store and its key file'] : ['vaults', STORES];
        await session.confirm(`${first} ${noun} ${what} with ${its}?`, options.yes);
        await eachTarget(all, (target) => {
          const path = vaultPath(session.arm, target.group, target.vault);
          return options.force ? forceDelete(session, path) : deleteVault(session, path);
        });
      }),
    );

const STORES = 'their stores and their key files';

async function deleteVault(session: Session, path: string): Promise<void> {
  await settled(session, 'vault', await session.arm.send('DELETE', 'vault', path));
}

async function forceDelete(session: Session, path: string): Promise<void> {
  try {
    await deleteVault(session, path);
  } catch (error) {
    if (!(error instanceof ArmError && /existing resources within the vault/i.test(error.message))) throw error;
    for (const item of await listItems(session.arm, path)) await deleteItem(session, path, item);
    await deleteVault(session, path);
  }
}

async function deleteItem(session: Session, vault: string, item: ProtectedItem): Promise<void> {
  if (item.properties.isScheduledForDeferredDelete) return;
  session.say(`Deleting the backups of ${item.properties.friendlyName}.`);
  const answer = await session.arm.send('DELETE', 'backup', pathOf(item));
  const job = await jobOf(session, vault, answer);
  await followJob(session, vault, job.name);
}
