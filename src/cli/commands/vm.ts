import type { VirtualMachine } from '../../api/wire/virtualMachine.ts';
import { MACHINES, providerPath } from '../ids.ts';
import { group, leaf } from '../options.ts';
import { act, type Shell } from '../shell.ts';
import { eachTarget, targets } from '../targets.ts';

export const vmCommands = (shell: Shell) => group('vm', 'Virtual machines of all hosts', [list(shell), show(shell)]);

const list = (shell: Shell) =>
  leaf('list', 'List the machines')
    .option('-g, --resource-group <name>', 'only those of this resource group')
    .option('-d, --show-details', 'ask each for its power state and agent')
    .action(
      act(shell, async ({ arm }, options) => {
        const path = providerPath(arm.subscriptionId, options.resourceGroup, MACHINES);
        const machines = await arm.list<VirtualMachine>('compute', path);
        if (!options.showDetails) return machines;
        const detailed: VirtualMachine[] = [];
        for (const machine of machines) {
          const found = await arm.find<VirtualMachine>('compute', machine.id, INSTANCE_VIEW);
          if (found) detailed.push(found);
        }
        return detailed;
      }),
    );

const show = (shell: Shell) =>
  leaf('show', 'Show a machine')
    .option('-g, --resource-group <name>', 'its resource group')
    .option('-n, --name <name>', 'its name')
    .option('--ids <ids...>', 'ids instead of names')
    .option('-d, --show-details', 'with its power state and agent')
    .action(
      act(shell, ({ arm }, options) =>
        eachTarget(
          targets(arm.subscriptionId, options.ids, {
            group: ['-g, --resource-group <name>', options.resourceGroup, 'resourcegroups'],
            name: ['-n, --name <name>', options.name, 'virtualmachines'],
          }),
          (target) =>
            arm.get(
              'compute',
              providerPath(arm.subscriptionId, target.group, MACHINES, target.name),
              options.showDetails ? INSTANCE_VIEW : {},
            ),
        ),
      ),
    );

const INSTANCE_VIEW = { query: { $expand: 'instanceView' } };
