import type { ResourceGroup, ResourceGroupRequest } from '../../api/wire/resourceGroup.ts';
import { groupPath, subscriptionPath } from '../ids.ts';
import { settled } from '../operation.ts';
import { group, leaf, needed, tags } from '../options.ts';
import { act, type Shell } from '../shell.ts';

export const groupCommands = (shell: Shell) =>
  group('group', 'Resource groups', [create(shell), show(shell), list(shell), exists(shell), remove(shell)]);

/** The group is given by either name, as az takes it. */
const one = (name: string, summary: string) =>
  leaf(name, summary).option('-n, --name <name>', 'its name').option('-g, --resource-group <name>', 'the same');

const nameOf = (options: { readonly name?: string | undefined; readonly resourceGroup?: string | undefined }): string =>
  needed(options.name ?? options.resourceGroup, '-n, --name <name>');

const create = (shell: Shell) =>
  one('create', 'Create a resource group')
    .requiredOption('-l, --location <location>', 'where its resources are')
    .option('--tags <tags...>', 'key=value words')
    .action(
      act(shell, async ({ arm }, options) => {
        const request: ResourceGroupRequest = { location: options.location, tags: tags(options.tags) };
        const path = groupPath(arm.subscriptionId, nameOf(options));
        return (await arm.send<ResourceGroup>('PUT', 'resources', path, { body: request })).body;
      }),
    );

const show = (shell: Shell) =>
  one('show', 'Show a resource group').action(
    act(shell, ({ arm }, options) => arm.get('resources', groupPath(arm.subscriptionId, nameOf(options)))),
  );

const list = (shell: Shell) =>
  leaf('list', 'List the resource groups').action(
    act(shell, ({ arm }) => arm.list('resources', `${subscriptionPath(arm.subscriptionId)}/resourcegroups`)),
  );

const exists = (shell: Shell) =>
  one('exists', 'Say whether a resource group exists').action(
    act(
      shell,
      async ({ arm }, options) =>
        (await arm.find('resources', groupPath(arm.subscriptionId, nameOf(options)))) !== undefined,
    ),
  );

const remove = (shell: Shell) =>
  one('delete', 'Delete a resource group')
    .option('-y, --yes', 'do not ask')
    .option('--no-wait', 'do not wait until it is gone')
    .action(
      act(shell, async (session, options) => {
        await session.confirm(`Delete resource group ${nameOf(options)}?`, options.yes);
        const path = groupPath(session.arm.subscriptionId, nameOf(options));
        const answer = await session.arm.send('DELETE', 'resources', path);
        if (options.wait) await settled(session, 'resources', answer);
      }),
    );
