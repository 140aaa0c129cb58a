import type { SubTask } from '../vault/job.ts';

export const TRANSFER_FROM_VAULT = 'Transfer data from vault';
export const CREATE_MACHINE = 'Create virtual machine';

/**
 * Where restored disks go; a job's parameter. `luns`: all disks when absent. `fromSecondary`: read from the vault's
 * secondary, though it is not failed over.
 */
export type RestoreTarget = {
  readonly fromSecondary?: boolean;
} /** Absolute path; one raw file a disk, and the machine's description. */ & (
  | { readonly kind: 'folder'; readonly folder: string; readonly luns?: readonly number[] }
  /** Disks of a new, powered-off machine on a host. */
  | {
      readonly kind: 'machine';
      readonly host: string;
      readonly resourceGroup: string;
      readonly machineName: string;
      readonly luns?: readonly number[];
    }
);

export const restoreSubTasks = (target: RestoreTarget): readonly SubTask[] => [
  { name: TRANSFER_FROM_VAULT, status: 'NotStarted' },
  ...(target.kind === 'machine' ? [{ name: CREATE_MACHINE, status: 'NotStarted' as const }] : []),
];
