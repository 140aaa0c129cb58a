import { countItems } from '../db/itemList.ts';
import { findItemsOfMachine } from '../db/items.ts';
import { countJobs } from '../db/jobCounts.ts';
import type { Queries } from '../db/schema.ts';
import { DAY_MS } from '../lib/clock.ts';
import { CodedError, type ErrorOptions } from '../lib/error.ts';
import type { Limits } from '../vault/limits.ts';
import type { MachineName } from '../vault/names.ts';
import { isActivelyProtected } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { normalLocation } from './locations.ts';
import type { MachineView } from './machineSource.ts';
import { getMachine } from './machines.ts';
import type { Services } from './services.ts';

/** Each may keep a machine from being protected in a vault; the pre-checks ask them as enabling does. */

const TIB = 2 ** 40;
const TARGET = 'properties.sourceResourceId';

/**
 * The machine, if it is one for this vault. Errors: BCMV2VMNotFound, BMSUserErrorInvalidConfigureProtectionRequest
 * (another region), UserErrorProtectionLimitReached, UserErrorUnsupportedDiskSize, HostUnavailable.
 */
export async function requireProtectable(
  services: Services,
  vault: Vault,
  name: MachineName,
  signal: AbortSignal,
): Promise<MachineView> {
  const ref = { resourceGroup: name.resourceGroup, name: name.vmName };
  const machine = await getMachine(services, ref, (why) => machineNotFound(name, why), signal);
  assertSameRegion(vault, machine);
  assertDisks(services.config.limits, machine);
  return machine;
}

/** Errors: BMSUserErrorInvalidConfigureProtectionRequest, with the words az has for it. */
function assertSameRegion(vault: Vault, machine: MachineView): void {
  if (normalLocation(machine.location) === normalLocation(vault.location)) return;
  throw new CodedError(
    'BMSUserErrorInvalidConfigureProtectionRequest',
    `The VM should be in the same location as that of the Recovery Services vault to enable protection. The vault is in '${vault.location}', the VM in '${machine.location}'.`,
    { target: TARGET },
  );
}

/** Errors: UserErrorProtectionLimitReached (too many disks), UserErrorUnsupportedDiskSize. */
function assertDisks(limits: Limits, machine: MachineView): void {
  const { disks } = machine;
  if (disks.length > limits.disksOfMachine) {
    throw new CodedError(
      'UserErrorProtectionLimitReached',
      `The VM '${machine.name}' has ${disks.length} disks; at most ${limits.disksOfMachine} can be backed up together.`,
      {
        target: TARGET,
        recommendations: ['Take disks off the machine, or raise disksOfMachine in STRONGROOM_LIMITS.'],
      },
    );
  }
  const large = disks.find(({ sizeBytes }) => sizeBytes > limits.diskTib * TIB);
  const totalBytes = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (!large && totalBytes <= limits.machineTib * TIB) return;
  throw new CodedError(
    'UserErrorUnsupportedDiskSize',
    large
      ? `The disk '${large.name}' at LUN ${large.lun} of the VM '${machine.name}' has ${tib(large.sizeBytes)} TiB; at most ${limits.diskTib} TiB are supported.`
      : `The disks of the VM '${machine.name}' have ${tib(totalBytes)} TiB together; at most ${limits.machineTib} TiB are supported.`,
    { target: TARGET, recommendations: ['Raise diskTib or machineTib in STRONGROOM_LIMITS.'] },
  );
}

/** One machine is actively protected in one vault. Errors: VirtualMachineAlreadyProtected. */
export async function assertNotElsewhere(
  tx: Queries,
  vault: Pick<Vault, 'id'> | undefined,
  name: MachineName,
): Promise<void> {
  const items = await findItemsOfMachine(tx, name.resourceGroup, name.vmName);
  const other = items.find((item) => item.vaultId !== vault?.id && isActivelyProtected(item));
  if (!other) return;
  throw new CodedError(
    'VirtualMachineAlreadyProtected',
    'Virtual machine with same name and same resource group is already protected in another vault.',
    {
      target: TARGET,
      recommendations: [
        'Stop its protection there first; the data can be retained, and its recovery points stay there until they expire.',
      ],
    },
  );
}

/** Room in the vault and in its day. Errors: UserErrorProtectionLimitReached. */
export async function assertRoom(
  tx: Queries,
  limits: Limits,
  vault: Vault,
  { isNew, now }: { readonly isNew: boolean; readonly now: number },
): Promise<void> {
  if (isNew && (await countItems(tx, { vaultId: vault.id })) >= limits.machinesInVault) {
    throw limitReached(
      `The vault '${vault.name}' holds ${limits.machinesInVault} machines, which is as many as it may.`,
      'Protect the machine in another vault, or raise machinesInVault in STRONGROOM_LIMITS.',
    );
  }
  const operations = ['ConfigureBackup', 'DisableBackup', 'DeleteBackupData', 'Undelete'] as const;
  const writes = await countJobs(tx, { vaultId: vault.id, operations, startFrom: now - DAY_MS });
  if (writes < limits.protectionWritesInDay) return;
  throw limitReached(
    `Protection was configured or changed ${writes} times in the vault '${vault.name}' in the last 24 hours; at most ${limits.protectionWritesInDay} times are allowed.`,
    'Try again later, or raise protectionWritesInDay in STRONGROOM_LIMITS.',
  );
}

export const machineNotFound = (
  name: MachineName,
  { details = [], recommendations = [] }: Pick<ErrorOptions, 'details' | 'recommendations'> = {},
): CodedError =>
  new CodedError(
    'BCMV2VMNotFound',
    `The virtual machine '${name.vmName}' in the resource group '${name.resourceGroup}' doesn't exist.`,
    {
      target: TARGET,
      details,
      recommendations: [...recommendations, 'List the machines that can be protected: backupProtectableItems.'],
    },
  );

const limitReached = (message: string, recommendation: string): CodedError =>
  new CodedError('UserErrorProtectionLimitReached', message, { recommendations: [recommendation] });

const tib = (bytes: number): string => (bytes / TIB).toFixed(1);
