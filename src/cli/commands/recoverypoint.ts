import type { RecoveryPoint } from '../../api/wire/recoveryPoint.ts';
import { dateFilter } from '../dateFilter.ts';
import { below } from '../ids.ts';
import { findItem, pathOf, vaultPath } from '../items.ts';
import { day, group, leaf, MANAGEMENT_TYPES, oneOf, WORKLOAD_TYPES } from '../options.ts';
import { act, type Session, type Shell } from '../shell.ts';

export const recoverypointCommands = (shell: Shell) =>
  group('recoverypoint', 'Recovery points: restorable moments of a protected item', [list(shell), show(shell)]);

const onItem = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .requiredOption('-c, --container-name <name>', 'the container, friendly or native name')
    .requiredOption('-i, --item-name <name>', 'the item, friendly or native name')
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES))
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES));

interface ItemOptions {
  readonly resourceGroup: string;
  readonly vaultName: string;
  readonly containerName: string;
  readonly itemName: string;
}

async function pointsPath({ arm }: Session, options: ItemOptions): Promise<string> {
  const vault = vaultPath(arm, options.resourceGroup, options.vaultName);
  return below(pathOf(await findItem(arm, vault, options.containerName, options.itemName)), 'recoveryPoints');
}

const list = (shell: Shell) =>
  onItem('list', "List an item's recovery points, newest first")
    .option('--start-date <date>', 'taken on or after this day, dd-mm-yyyy (UTC)', day)
    .option('--end-date <date>', 'taken before this day, dd-mm-yyyy (UTC)', day)
    .action(
      act(shell, async (session, options) => {
        const terms = dateFilter(options, { from: 'startDate', to: 'endDate' });
        const query = terms.length === 0 ? {} : { $filter: terms.join(' and ') };
        return session.arm.list<RecoveryPoint>('backup', await pointsPath(session, options), { query });
      }),
    );

const show = (shell: Shell) =>
  onItem('show', 'Show a recovery point')
    .requiredOption('-n, --name <name>', 'the point')
    .action(
      act(shell, async (session, options) =>
        session.arm.get<RecoveryPoint>('backup', below(await pointsPath(session, options), options.name)),
      ),
    );
