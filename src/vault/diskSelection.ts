import { CodedError } from '../lib/error.ts';
import type { DiskSelection, ProtectedItem } from './protectedItem.ts';

export interface DiskRequest {
  /** `null` goes back to all disks; absent leaves it as it is. */
  readonly disks?: DiskSelection | null;
  /** LUNs of the machine's disks as it is now; absent when no host shows it. */
  readonly attachedLuns?: readonly number[];
}

const OS_DISK_LUN = -1;

/** The OS disk always is. */
export const isDiskIncluded = (disks: DiskSelection | undefined, lun: number): boolean =>
  disks === undefined || lun === OS_DISK_LUN || disks.luns.includes(lun) === disks.isInclusionList;

/**
 * The item with the disks that were asked for. Errors: BMSUserErrorInvalidConfigureProtectionRequest (LUNs that are none
 * of a data disk, or at which the machine has no disk: the message names them and those it has).
 */
export const withDisks = (item: ProtectedItem, { disks, attachedLuns }: DiskRequest): ProtectedItem => {
  if (disks === undefined) return item;
  const { disks: before, ...rest } = item;
  if (disks === null) return rest;
  const target = 'extendedProperties.diskExclusionProperties.diskLunList';
  if (disks.luns.some((lun) => !Number.isSafeInteger(lun) || lun < 0 || lun > 63)) {
    throw refused(
      target,
      `${target} must hold LUNs of data disks, whole numbers from 0 to 63; the OS disk is always backed up.`,
    );
  }
  // sent back as it was read, it is not judged anew: a disk may have been taken off since
  if (JSON.stringify(disks) === JSON.stringify(before)) return item;
  const data = attachedLuns?.filter((lun) => lun !== OS_DISK_LUN);
  const unknown = disks.luns.filter((lun) => data && !data.includes(lun));
  if (unknown.length > 0) {
    throw refused(
      target,
      `${target} names LUN ${unknown.join(', ')}, at which the machine has no disk; its data disks are at ${data?.join(', ') || 'none'}.`,
    );
  }
  return { ...rest, disks };
};

const refused = (target: string, message: string): CodedError =>
  new CodedError('BMSUserErrorInvalidConfigureProtectionRequest', message, { target });
