import type { SubTask } from '../vault/job.ts';

export const TRANSFER_FROM_VAULT = 'Transfer data from vault';
export const CREATE_MACHINE = 'Create virtual machine';
export const WRITE_CONFIGURATION = 'Write configuration';

interface Chosen {
  /** Read from the vault's secondary, though it is not failed over. */
  readonly fromSecondary?: boolean;
  /** All disks when absent. */
  readonly luns?: readonly number[];
}

/** A storage account with the machine's configuration and template, and, unless `managedDisks`, its disks. */
export interface StagingTarget extends Chosen {
  readonly kind: 'staging';
  readonly account: string;
  /** ARM id. */
  readonly accountId: string;
  /** 'https://staging.blob.localhost:8443/', with its slash. */
  readonly endpoint: string;
  /** What the job shows as the target's group. */
  readonly resourceGroup: string;
  /** The disks become resources of this group, files on the machine's host. */
  readonly managedDisks?: {
    readonly subscriptionId: string;
    readonly resourceGroup: string;
    readonly location: string;
  };
}

/** Where restored disks go; a job's parameter. */
export type RestoreTarget =
  /** Absolute path; one raw file a disk, and the machine's description. */
  | (Chosen & { readonly kind: 'folder'; readonly folder: string })
  /** Disks of a new, powered-off machine on a host. */
  | (Chosen & {
      readonly kind: 'machine';
      readonly host: string;
      readonly resourceGroup: string;
      readonly machineName: string;
    })
  | StagingTarget;

export const restoreSubTasks = (target: RestoreTarget): readonly SubTask[] => [
  { name: TRANSFER_FROM_VAULT, status: 'NotStarted' },
  ...(target.kind === 'machine' ? [{ name: CREATE_MACHINE, status: 'NotStarted' as const }] : []),
  ...(target.kind === 'staging' ? [{ name: WRITE_CONFIGURATION, status: 'NotStarted' as const }] : []),
];
