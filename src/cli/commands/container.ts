import { CodedError } from '../../lib/error.ts';
import { sameName } from '../ids.ts';
import { listContainers, vaultPath } from '../items.ts';
import { group, leaf, MANAGEMENT_TYPES, oneOf } from '../options.ts';
import { act, type Shell } from '../shell.ts';

export const containerCommands = (shell: Shell) =>
  group('container', 'Containers: the machines registered with a vault', [list(shell), show(shell)]);

const inVault = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES));

const list = (shell: Shell) =>
  inVault('list', "List a vault's containers").action(
    act(shell, ({ arm }, options) => listContainers(arm, vaultPath(arm, options.resourceGroup, options.vaultName))),
  );

const show = (shell: Shell) =>
  inVault('show', 'Show a container')
    .requiredOption('-n, --name <name>', 'its name, friendly or native')
    .action(
      act(shell, async ({ arm }, options) => {
        const containers = await listContainers(arm, vaultPath(arm, options.resourceGroup, options.vaultName));
        const found = containers.find(
          ({ name, properties }) => sameName(name, options.name) || sameName(properties.friendlyName, options.name),
        );
        if (found) return found;
        throw new CodedError('ResourceNotFound', `The vault has no container '${options.name}'.`, {
          target: options.name,
        });
      }),
    );
