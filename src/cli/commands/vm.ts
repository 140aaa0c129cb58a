import type { VirtualMachine } from '../../api/wire/virtualMachine.ts';
import { MACHINES, providerPath } from '../ids.ts';
import { group, leaf } from '../options.ts';
import { act, type Shell } from '../shell.ts';
import { eachTarget, targets } from '../targets.ts';

export const vmCommands = (shell: Shell) => group('vm', 'Virtual machines of all hosts', [list(shell), show(shell)]);

const INSTANCE_VIEW = { query: { $expand: 'instanceView' } };
const SHOW_DETAILS = "az's word for power state and agent, which are always shown here";

const list = (shell: Shell) =>
  leaf('list', 'List the machines')
    .option('-g, --resource-group <name>', 'only those of this resource group')
    .option('-d, --show-details', SHOW_DETAILS)
    .action(
      act(shell, ({ arm }, options) =>
        arm.list<VirtualMachine>(
          'compute',
          providerPath(arm.subscriptionId, options.resourceGroup, MACHINES),
          INSTANCE_VIEW,
        ),
      ),
    );

const show = (shell: Shell) =>
  leaf('show', 'Show a machine')
    .option('-g, --resource-group <name>', 'its resource group')
    .option('-n, --name <name>', 'its name')
    .option('--ids <ids...>', 'ids instead of names')
    .option('-d, --show-details', SHOW_DETAILS)
    .action(
      act(shell, ({ arm }, options) =>
        eachTarget(
          targets(arm.subscriptionId, options.ids, {
            group: ['-g, --resource-group <name>', options.resourceGroup, 'resourcegroups'],
            name: ['-n, --name <name>', options.name, 'virtualmachines'],
          }),
          (target) =>
            arm.get('compute', providerPath(arm.subscriptionId, target.group, MACHINES, target.name), INSTANCE_VIEW),
        ),
      ),
    );
