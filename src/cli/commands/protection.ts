import type { BackupPolicy } from '../../api/wire/backupPolicy.ts';
import type { BackupRequest } from '../../api/wire/backupRequest.ts';
import type { BackupStatus, BackupStatusRequest } from '../../api/wire/backupStatus.ts';
import type { ProtectedItem } from '../../api/wire/protectedItem.ts';
import { enableForVm } from '../enable.ts';
import { UsageError } from '../exit.ts';
import { below, providerPath } from '../ids.ts';
import { findItem, pathOf, vaultPath } from '../items.ts';
import { readMachine } from '../machines.ts';
import { day, group, leaf, lunList, MANAGEMENT_TYPES, needed, oneOf, WORKLOAD_TYPES, yesOrNo } from '../options.ts';
import { printJob, putItem } from '../protect.ts';
import { act, type Session, type Shell } from '../shell.ts';

export const protectionCommands = (shell: Shell) =>
  group('protection', 'Protect machines and back them up', [
    enable(shell),
    backupNow(shell),
    disable(shell),
    resume(shell),
    undelete(shell),
    checkVm(shell),
  ]);

const inVault = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault');

const onItem = (name: string, summary: string) =>
  inVault(name, summary)
    .requiredOption('-c, --container-name <name>', 'the container, friendly or native name')
    .requiredOption('-i, --item-name <name>', 'the item, friendly or native name')
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES))
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES))
    .option('--no-wait', 'do not wait for the job');

interface ItemOptions {
  readonly resourceGroup: string;
  readonly vaultName: string;
  readonly containerName: string;
  readonly itemName: string;
}

async function itemOf({ arm }: Session, options: ItemOptions): Promise<{ vault: string; item: ProtectedItem }> {
  const vault = vaultPath(arm, options.resourceGroup, options.vaultName);
  return { vault, item: await findItem(arm, vault, options.containerName, options.itemName) };
}

const enable = (shell: Shell) =>
  inVault('enable-for-vm', 'Protect a machine with a policy')
    .requiredOption('--vm <name-or-id>', "the machine: its name when it is in the vault's resource group, or its id")
    .requiredOption('-p, --policy-name <name>', 'the policy')
    .option('--disk-list-setting <setting>', 'include or exclude', oneOf(['include', 'exclude']))
    .option('--diskslist <luns...>', 'the data disks meant, by LUN', lunList)
    .option('--exclude-all-data-disks', 'take the OS disk only')
    .option('--no-wait', 'do not wait for the job')
    .action(
      act(shell, (session, options) => {
        if ((options.diskListSetting === undefined) !== (options.diskslist === undefined)) {
          throw new UsageError("options '--disk-list-setting <setting>' and '--diskslist <luns...>' go together");
        }
        if (options.diskslist && options.excludeAllDataDisks) {
          throw new UsageError("options '--diskslist <luns...>' and '--exclude-all-data-disks' exclude each other");
        }
        return enableForVm(session, {
          ...options,
          disks: options.excludeAllDataDisks
            ? { diskLunList: [], isInclusionList: true }
            : options.diskslist && {
                diskLunList: options.diskslist,
                isInclusionList: options.diskListSetting === 'include',
              },
        });
      }),
    );

const backupNow = (shell: Shell) =>
  onItem('backup-now', 'Back a protected machine up now')
    .option('--retain-until <date>', 'keep the point until this day, dd-mm-yyyy (UTC); absent: 30 days', day)
    .action(
      act(shell, async (session, options) => {
        const { retainUntil } = options;
        if (retainUntil !== undefined && retainUntil <= session.clock.now()) {
          throw new UsageError("option '--retain-until <date>' must be a day to come");
        }
        const { vault, item } = await itemOf(session, options);
        const body: BackupRequest = {
          properties: {
            objectType: 'IaasVMBackupRequest',
            recoveryPointExpiryTimeInUTC: retainUntil === undefined ? undefined : new Date(retainUntil).toISOString(),
          },
        };
        const answer = await session.arm.send('POST', 'backup', below(pathOf(item), 'backup'), { body });
        await printJob(session, vault, answer, options.wait);
      }),
    );

const disable = (shell: Shell) =>
  onItem('disable', 'Stop protecting a machine; its backups are kept unless said otherwise')
    .option('--delete-backup-data <bool>', 'true: delete its backups', yesOrNo, false)
    .option(
      '--retain-recovery-points-as-per-policy <bool>',
      'true: let its points go as the policy says',
      yesOrNo,
      false,
    )
    .option('-y, --yes', 'do not ask')
    .action(
      act(shell, async (session, options) => {
        const asPolicySays = options.retainRecoveryPointsAsPerPolicy;
        if (options.deleteBackupData && asPolicySays) {
          throw new UsageError(
            "options '--delete-backup-data true' and '--retain-recovery-points-as-per-policy true' exclude each other",
          );
        }
        const { vault, item } = await itemOf(session, options);
        const name = item.properties.friendlyName;
        const loss = options.deleteBackupData ? ' and delete its backups' : '';
        await session.confirm(`Stop the protection of ${name}${loss}?`, options.yes);
        if (options.deleteBackupData) {
          const answer = await session.arm.send('DELETE', 'backup', pathOf(item));
          return printJob(session, vault, answer, options.wait);
        }
        const change = {
          sourceResourceId: item.properties.sourceResourceId,
          ...(asPolicySays
            ? ({ policyId: item.properties.policyId, protectionState: 'BackupsSuspended' } as const)
            : ({ policyId: '', protectionState: 'ProtectionStopped' } as const)),
        };
        return putItem(session, vault, pathOf(item), change, options.wait);
      }),
    );

const resume = (shell: Shell) =>
  onItem('resume', 'Protect a machine again whose protection was stopped')
    .option('-p, --policy-name <name>', 'the policy; absent: the one it had')
    .action(
      act(shell, async (session, options) => {
        const { vault, item } = await itemOf(session, options);
        const name = needed(
          options.policyName ?? (item.properties.policyName || undefined),
          '-p, --policy-name <name>',
        );
        const policy = await session.arm.get<BackupPolicy>('backup', below(vault, 'backupPolicies', name));
        const change = { sourceResourceId: item.properties.sourceResourceId, policyId: policy.id };
        await putItem(session, vault, pathOf(item), change, options.wait);
      }),
    );

const undelete = (shell: Shell) =>
  onItem('undelete', 'Take back the deletion of an item; its protection stays stopped').action(
    act(shell, async (session, options) => {
      const { vault, item } = await itemOf(session, options);
      const { sourceResourceId } = item.properties;
      const change = {
        sourceResourceId,
        policyId: '',
        protectionState: 'ProtectionStopped',
        isRehydrate: true,
      } as const;
      await putItem(session, vault, pathOf(item), change, options.wait);
    }),
  );

const checkVm = (shell: Shell) =>
  leaf('check-vm', 'Print the id of the vault that protects a machine; nothing when none does')
    .option('--vm <name-or-id>', 'the machine')
    .option('--vm-id <id>', 'the machine by id')
    .option('-g, --resource-group <name>', "the machine's resource group")
    .action(
      act(shell, async (session, options) => {
        const given = needed(options.vm ?? options.vmId, '--vm <name-or-id>');
        const group = given.includes('/') ? '' : needed(options.resourceGroup, '-g, --resource-group <name>');
        const machine = await readMachine(session, given, group);
        const { arm } = session;
        const type = `Microsoft.RecoveryServices/locations/${machine.location}/backupStatus`;
        const body: BackupStatusRequest = { resourceType: 'VM', resourceId: machine.id };
        const path = providerPath(arm.subscriptionId, undefined, type);
        return (await arm.send<BackupStatus>('POST', 'backup', path, { body })).body?.vaultId || undefined;
      }),
    );
