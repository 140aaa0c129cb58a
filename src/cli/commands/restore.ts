import type { RecoveryPoint } from '../../api/wire/recoveryPoint.ts';
import type { RestoreRequest, RestoreTarget } from '../../api/wire/restoreRequest.ts';
import type { Vault } from '../../api/wire/vault.ts';
import { UsageError } from '../exit.ts';
import { below, groupPath } from '../ids.ts';
import { findItem, pathOf, vaultPath } from '../items.ts';
import { group, leaf, lunList, yesOrNo } from '../options.ts';
import { printJob } from '../protect.ts';
import { act, type Shell } from '../shell.ts';

export const restoreCommands = (shell: Shell) =>
  group('restore', 'Restore from a recovery point', [restoreDisks(shell)]);

const restoreDisks = (shell: Shell) =>
  leaf('restore-disks', "Restore a recovery point's disks")
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .requiredOption('-c, --container-name <name>', 'the container, friendly or native name')
    .requiredOption('-i, --item-name <name>', 'the item, friendly or native name')
    .requiredOption('-r, --rp-name <name>', 'the recovery point')
    .option('--target-folder <folder>', "write raw images into this folder below the server's restore root")
    .option('--image-host <host>', 'make a powered-off machine on this image host')
    .option('--machine-name <name>', 'its name; goes with --image-host')
    .option('--storage-account <name-or-id>', 'write VHDs, configuration and template into this storage account')
    .option('-t, --target-resource-group <name>', 'the resource group of what is made')
    .option('--diskslist <luns...>', 'only these disks, by LUN; -1 is the OS disk', lunList)
    .option('--restore-only-osdisk', 'only the OS disk')
    .option('--restore-to-staging-storage-account <bool>', 'true or false', yesOrNo)
    .option('--no-wait', 'do not wait for the job')
    .action(
      act(shell, async (session, options) => {
        const { arm } = session;
        const target = targetOf(options, groupPath(arm.subscriptionId, options.resourceGroup));
        const vaultId = vaultPath(arm, options.resourceGroup, options.vaultName);
        const item = await findItem(arm, vaultId, options.containerName, options.itemName);
        const pointPath = below(pathOf(item), 'recoveryPoints', options.rpName);
        const point = await arm.get<RecoveryPoint>('backup', pointPath);
        const vault = await arm.get<Vault>('vault', vaultId);
        const body: RestoreRequest = {
          properties: {
            objectType: 'IaasVMRestoreRequest',
            recoveryPointId: point.name,
            recoveryType: 'RestoreDisks',
            sourceResourceId: item.properties.sourceResourceId,
            region: vault.location,
            createNewCloudService: false,
            originalStorageAccountOption: options.restoreToStagingStorageAccount === false,
            targetResourceGroupId:
              options.targetResourceGroup && groupPath(arm.subscriptionId, options.targetResourceGroup),
            restoreDiskLunList: options.restoreOnlyOsdisk ? [] : options.diskslist,
            ...target,
          },
        };
        const answer = await arm.send('POST', 'backup', below(pointPath, 'restore'), { body });
        await printJob(session, vaultId, answer, options.wait);
      }),
    );

interface TargetOptions {
  readonly targetFolder?: string | undefined;
  readonly imageHost?: string | undefined;
  readonly machineName?: string | undefined;
  readonly storageAccount?: string | undefined;
}

const POSSIBLE =
  "'--storage-account <name-or-id>' (VHDs in a storage account), " +
  "'--target-folder <folder>' (raw images below the server's restores folder) or " +
  "'--image-host <host> --machine-name <name>' (a new, powered-off machine)";

/** Exactly one place to restore to; an account without an id is one of `group`. Errors: UsageError. */
function targetOf(
  { targetFolder, imageHost, machineName, storageAccount }: TargetOptions,
  groupId: string,
): Pick<RestoreRequest['properties'], 'storageAccountId' | 'strongroom'> {
  if ((imageHost === undefined) !== (machineName === undefined)) {
    throw new UsageError("options '--image-host <host>' and '--machine-name <name>' go together");
  }
  const given = [targetFolder, imageHost, storageAccount].filter((one) => one !== undefined);
  if (given.length !== 1) throw new UsageError(`one of ${POSSIBLE} must be specified`);
  if (storageAccount !== undefined) {
    const id = below(groupId, 'providers', 'Microsoft.Storage', 'storageAccounts', storageAccount);
    return { storageAccountId: storageAccount.startsWith('/') ? storageAccount : id };
  }
  const strongroom: RestoreTarget =
    targetFolder === undefined ? { imageHost: imageHost!, machineName: machineName! } : { targetFolder };
  return { strongroom };
}
