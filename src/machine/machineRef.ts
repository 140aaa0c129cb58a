import { CodedError } from '../lib/error.ts';
import type { MachineRef } from './machine.ts';

/** One string per machine of a host; equal for names that differ in case only. */
export const machineKey = (ref: MachineRef): string => `${ref.resourceGroup}/${ref.name}`.toLowerCase();

export const machineNotFound = (ref: MachineRef): CodedError =>
  new CodedError('BCMV2VMNotFound', `no machine ${ref.name} in resource group ${ref.resourceGroup}`, {
    target: ref.name,
  });

export const snapshotNotFound = (ref: MachineRef, snapshotId: string, lun?: number): CodedError =>
  new CodedError(
    'UserErrorInstantRpNotFound',
    lun === undefined
      ? `machine ${ref.name} has no snapshot ${snapshotId}`
      : `machine ${ref.name} has no snapshot ${snapshotId} of the disk at LUN ${lun}`,
    { target: snapshotId },
  );

/** The disks of a request by LUN; all when none is named. Errors: SnapshotFailed naming the LUN that is not there. */
export const chooseDisks = <D extends { readonly lun: number }>(
  disks: readonly D[],
  luns?: readonly number[],
): readonly D[] => {
  if (!luns) return disks;
  const missing = luns.find((lun) => !disks.some((disk) => disk.lun === lun));
  if (missing === undefined) return disks.filter((disk) => luns.includes(disk.lun));
  const there = disks.map((disk) => disk.lun).join(', ');
  throw new CodedError('SnapshotFailed', `luns: no disk at LUN ${missing}; the machine has ${there}`, {
    target: 'luns',
  });
};

const SNAPSHOT_ID = /^[a-z0-9]{1,20}$/;

/** Errors: SnapshotFailed when the id is not of the form the port asks for, or taken already. */
export const checkSnapshotId = (id: string, taken: readonly string[]): void => {
  if (!SNAPSHOT_ID.test(id))
    throw new CodedError('SnapshotFailed', `id: 1 to 20 of a-z and 0-9, not "${id.slice(0, 40)}"`, { target: 'id' });
  if (taken.includes(id)) throw new CodedError('SnapshotFailed', `id: snapshot ${id} exists already`, { target: 'id' });
};
