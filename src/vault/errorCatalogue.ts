import type { CodedError } from '../lib/error.ts';
import type { JobError } from './job.ts';

export interface CatalogueEntry {
  /** Azure's number of the code, where it is public. */
  readonly number?: number;
  /** Azure's own text of the code; what happened here is said after it. */
  readonly text?: string;
  /** Worth another try by itself: what may be gone by then. What somebody has to mend first is not. */
  readonly isPassing?: true;
  /** What the reader can do about it. */
  readonly recommendations: readonly string[];
}

const AGENT = 'Look that the guest agent runs in the machine and answers: strongroom vm show.';
const SCRIPT_LOG = "Read what the script wrote in the machine's /var/log/strongroom-vm-snapshot.log.";
const SCRIPT_CONFIG =
  "Mend the machine's /etc/azure/VMSnapshotScriptPluginConfig.json and its scripts: docs/guest-extension.md.";
const LOG = "Look for the job's id in the server's log.";
const STORAGE =
  'Look whether the storage of the vault is mounted, reachable and writable: strongroom vault store show.';
const AGAIN = 'Try again in a few minutes.';
const VERIFY = 'Run a verification of the store: strongroom vault store verify.';

/** Every code a job can end with: its number and words at Azure, and what can be done. */
const CATALOGUE = {
  // of the machine and its guest
  BCMV2VMNotFound: {
    number: 400094,
    recommendations: ['If the machine was deleted for good, stop its protection; its recovery points can be retained.'],
  },
  UserErrorGuestAgentStatusUnavailable: {
    text: 'VM Agent unable to communicate with Azure Backup',
    isPassing: true,
    recommendations: [AGENT],
  },
  GuestAgentSnapshotTaskStatusError: {
    text: 'Could not communicate with the VM agent for snapshot status',
    isPassing: true,
    recommendations: [AGENT],
  },
  GuestAgentUnavailable: { isPassing: true, recommendations: [AGENT] },
  AzureVmOffline: {
    number: 380008,
    text: 'Failed to install Microsoft Recovery Services extension as virtual machine is not running',
    recommendations: ['Start the machine: the extension is installed at its next start.'],
  },
  UserErrorVmProvisioningStateFailed: {
    text: 'The VM is in failed provisioning state',
    recommendations: ['Bring the machine into a running or stopped state, then try again.'],
  },
  UserErrorVmNotInDesirableState: {
    text: 'VM is not in a state that allows backups.',
    recommendations: ['A machine can be backed up while it is Running, Stopped or Stopped (deallocated).'],
  },
  VmNotInDesirableState: {
    text: 'VM is not in a state that allows backups.',
    recommendations: ['A machine can be backed up while it is Running, Stopped or Stopped (deallocated).'],
  },
  UserErrorVmNotShutDown: { recommendations: ['Shut the machine down before its disks are replaced.'] },
  UserErrorFsFreezeFailed: {
    text: 'Failed to freeze one or more mount-points of the VM to take a file-system consistent snapshot.',
    isPassing: true,
    recommendations: ['Check the file systems of the machine, or skip mounts in /etc/azure/vmbackup.conf.'],
  },
  UserErrorUnableToOpenMount: {
    text: 'Some mount point is not accessible.',
    recommendations: ['Unmount what is gone, or skip it with MountsToSkip in /etc/azure/vmbackup.conf.'],
  },
  // what the machine's own scripts did; the guest extension says it with these numbers
  'Pre-ScriptExecutionFailed': { number: 300, isPassing: true, recommendations: [SCRIPT_LOG] },
  'Post-ScriptExecutionFailed': { number: 301, isPassing: true, recommendations: [SCRIPT_LOG] },
  'Pre-ScriptNotFound': { number: 302, recommendations: [SCRIPT_CONFIG] },
  'Post-ScriptNotFound': { number: 303, recommendations: [SCRIPT_CONFIG] },
  IncorrectPluginhostFile: { number: 304, recommendations: [SCRIPT_CONFIG] },
  IncorrectJSONConfigFile: { number: 305, recommendations: [SCRIPT_CONFIG] },
  'InsufficientPermissionforPre-Script': { number: 306, recommendations: [SCRIPT_CONFIG] },
  'InsufficientPermissionforPost-Script': { number: 307, recommendations: [SCRIPT_CONFIG] },
  'Pre-ScriptTimeout': { number: 308, isPassing: true, recommendations: [SCRIPT_LOG] },
  'Post-ScriptTimeout': { number: 309, isPassing: true, recommendations: [SCRIPT_LOG] },
  ExtensionSnapshotFailed: { isPassing: true, recommendations: [AGENT] },
  ExtensionSnapshotFailedNoNetwork: {
    text: 'Snapshot operation failed due to no network connectivity on the virtual machine',
    isPassing: true,
    recommendations: [AGENT],
  },
  ExtensionOperationFailedForManagedDisks: {
    text: 'VMSnapshot extension operation failed',
    isPassing: true,
    recommendations: [AGENT],
  },
  ExtensionFailedVssWriterInBadState: {
    text: 'Snapshot operation failed because VSS writers were in a bad state.',
    isPassing: true,
    recommendations: [
      "In the machine, list the writers with 'vssadmin list writers' and restart the services in error.",
    ],
  },
  ExtensionFailedVssServiceInBadState: {
    text: 'Snapshot operation failed due to VSS (Volume Shadow Copy) service in bad state.',
    isPassing: true,
    recommendations: ['Restart the Volume Shadow Copy service in the machine.'],
  },
  ExtensionStuckInDeletionState: {
    text: 'Extension state is not supportive to the backup operation',
    recommendations: ['Remove the extension from the machine; the next backup installs it again.'],
  },
  ExtensionFailedSnapshotLimitReachedError: {
    text: 'Snapshot operation failed as snapshot limit is exceeded for some of the disks attached',
    recommendations: ['Delete snapshots that are no longer needed.'],
  },
  ExtensionFailedTimeoutVMNetworkUnresponsive: {
    text: 'Snapshot operation failed due to inadequate VM resources.',
    isPassing: true,
    recommendations: ['Give the machine more memory or processors, or back it up at a quieter time.'],
  },
  ExtensionConfigParsingFailure: {
    text: 'Failure in parsing the config for the backup extension.',
    recommendations: ['Mend the configuration files of the extension in the machine.'],
  },
  VMRestorePointInternalError: {
    isPassing: true,
    recommendations: ['Let the scanner of the machine leave the extension alone.'],
  },
  UserErrorCrpReportedUserError: { recommendations: ['Mend what the message names, then try again.'] },
  MachineDescriptionInvalid: { recommendations: ["Mend the machine's description; the message names the field."] },
  ImageFormatUnsupported: { recommendations: ['Convert the disk to raw, qcow2, vhd or vhdx.'] },
  ImageHeaderInvalid: { recommendations: ['Check the disk file, for instance with qemu-img check.'] },
  HostUnavailable: { isPassing: true, recommendations: ['Look whether the machine host runs and is configured here.'] },
  SnapshotFailed: { isPassing: true, recommendations: ['Look for free space where the machine has its disks.'] },
  ToolMissing: { recommendations: ['Install the program that the message names.'] },
  NbdConnectionLost: { isPassing: true, recommendations: [AGAIN] },
  NbdExportUnavailable: { isPassing: true, recommendations: [AGAIN] },
  NbdProtocolInvalid: { recommendations: [LOG] },
  NbdReadFailed: { recommendations: ["Check the machine's disk: it could not be read."] },
  SourceReadFailed: { recommendations: ["Check the machine's disk: it could not be read."] },
  SourceExtentsInvalid: { recommendations: [LOG] },
  // of what was asked for
  UserErrorBackupOperationInProgress: {
    text: 'Unable to initiate backup as another backup operation is currently in progress',
    recommendations: ['Wait until the other backup has taken its snapshot.'],
  },
  UserErrorBcmDatasourceNotPresent: {
    text: 'Backup failed: This virtual machine is not (actively) protected by Azure Backup',
    recommendations: ['Protect the machine, or resume its protection, before it is backed up.'],
  },
  ScheduledBackupMissed: {
    recommendations: ['The newest missed backup is caught up at once; keep the server running for the others.'],
  },
  UserErrorItemSoftDeleted: { recommendations: ['Take the deletion back first: strongroom protection undelete.'] },
  UserErrorUnsupportedDiskSize: { recommendations: ['Leave the disk out of the backup.'] },
  UserErrorRpCollectionLimitReached: {
    text: 'The Restore Point collection max limit has reached.',
    recommendations: ['Delete snapshots of the machine that are no longer needed, or keep instant restore shorter.'],
  },
  UserErrorKeyvaultPermissionsNotConfigured: { recommendations: ['Let the vault use the key of the machine.'] },
  UserErrorRequestDisallowedByPolicy: {
    text: 'An invalid policy is configured on the VM which is preventing Snapshot operation.',
    recommendations: ['Lift the lock or policy that the message names.'],
  },
  ScopeLocked: {
    recommendations: ['Remove the lock from the resource group of the restore points: it breaks backups.'],
  },
  JobCancelled: { recommendations: [] },
  // of a restore
  UserErrorInstantRpNotFound: {
    text: 'Restore failed because the snapshot of the VM was not found. The snapshot could have been deleted, please check.',
    recommendations: ['Restore another recovery point, or this one from the vault.'],
  },
  RestoreOperationFailed: { recommendations: ['List the recovery points and choose another.'] },
  RestoreTargetInvalid: { recommendations: ['Name another target; the message says what is wrong with this one.'] },
  TargetWriteFailed: { recommendations: ['Look for free space and write permission at the target.'] },
  UserErrorStagingAccountInvalid: { recommendations: ['Name a storage account that is there and can be written.'] },
  UserErrorSkuNotAvailable: {
    text: 'VM creation failed as VM size selected is not available.',
    recommendations: ['The disks are restored: make the machine of them in another size.'],
  },
  UserErrorBCMPremiumStorageQuotaError: {
    text: 'Could not copy the snapshot of the virtual machine, due to insufficient free space in the storage account',
    recommendations: ['Free some space in the storage account.'],
  },
  CopyingVHDsFromBackUpVaultTakingLongTime: {
    text: 'Copying backed up data from vault timed out',
    isPassing: true,
    recommendations: [AGAIN],
  },
  // of the vault's store
  PackNotReferable: { isPassing: true, recommendations: [AGAIN] },
  StoreIoFailed: { isPassing: true, recommendations: [STORAGE] },
  StoreQuorumMissing: { isPassing: true, recommendations: [STORAGE] },
  StoreFull: {
    recommendations: ['Free space in the storage of the vault, or keep recovery points for a shorter time.'],
  },
  StoreObjectMissing: { recommendations: [VERIFY] },
  StoreDataDamaged: { recommendations: [VERIFY, 'Restore another recovery point meanwhile.'] },
  StoreLies: { recommendations: [STORAGE] },
  StoreKeyWrong: { recommendations: ["Put the vault's key back where the server reads it."] },
  StoreNotAVault: { recommendations: [STORAGE] },
  StoreFormatUnknown: { recommendations: ['Run the newer version of this program again.'] },
  StoreObjectLocked: { recommendations: ['Wait until the lock is over; the message says when.'] },
  StorePlaceUnsuitable: { recommendations: ['Mend the storage places of the server.'] },
  StoreReconcileRequired: { recommendations: ['Run: strongroom vault store reconcile.'] },
  VaultFailedOver: { recommendations: ['Fail the vault back to its primary before anything is stored.'] },
  CollectRefused: { recommendations: [AGAIN] },
  KeyCommandFailed: { recommendations: ['Run the key command by hand as the server does.'] },
  RecoveryKitInvalid: { recommendations: ['Make a new recovery kit.'] },
  DaemonRefused: { recommendations: [STORAGE] },
  DatabaseDamaged: { recommendations: ['Put the last good copy of the database back: docs/lost-database.md.'] },
  WorkerThreadDied: { isPassing: true, recommendations: [LOG] },
  // of this program
  Conflict: { recommendations: [AGAIN] },
  OperationNotAllowed: { recommendations: ['The message says what stands in the way.'] },
  ResourceNotFound: { recommendations: ['Look whether what the message names is still there.'] },
  BackUpOperationFailed: {
    text: 'Backup failed with an internal error - Please retry the operation in a few minutes',
    recommendations: [LOG],
  },
} as const satisfies Record<string, CatalogueEntry>;

export type JobErrorCode = keyof typeof CATALOGUE;

/** Undefined: a code no job ends with by design. */
export const catalogueEntry = (code: string): CatalogueEntry | undefined =>
  Object.hasOwn(CATALOGUE, code) ? CATALOGUE[code as JobErrorCode] : undefined;

/** The error a job ends with; a code without an entry does not compile. */
export const jobError = (code: JobErrorCode, message: string, recommendations: readonly string[] = []): JobError => ({
  code,
  message,
  recommendations: recommendations.length > 0 ? recommendations : CATALOGUE[code].recommendations,
});

/** What an expected failure leaves in the job's record: its own recommendations, else those of the catalogue. */
export const jobErrorOf = ({ code, message, recommendations }: CodedError): JobError => ({
  code,
  message,
  recommendations: recommendations.length > 0 ? recommendations : (catalogueEntry(code)?.recommendations ?? []),
});

export const isPassing = (code: string): boolean => catalogueEntry(code)?.isPassing === true;
