import { open } from 'node:fs/promises';
import type { BlobDraft, BlobPlace } from '../blob/blob.ts';
import type { BlobStore } from '../blob/blobStore.ts';
import { fixedVhdFooter, VHD_FOOTER_BYTES } from '../blob/vhdFooter.ts';
import { CodedError, isSystemError } from '../lib/error.ts';
import type { DiskTarget } from '../machine/machine.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import { createManagedDisk, recordManagedDisk } from './managedDisk.ts';
import type { RestoreDestination } from './restoredDisk.ts';
import { type StagingTarget, WRITE_CONFIGURATION } from './restoreTarget.ts';
import { type StagedDisk, stagedFiles } from './staging/files.ts';
import { stagingNames } from './staging/names.ts';

/**
 * Disks as fixed VHDs, each a page blob, in a container of the job's own; or, where managed disks are wanted, as disks
 * on the machine's host. Configuration and template come last. The names are the job's: a job that begins anew after
 * a crash replaces what it had written. Errors: UserErrorStagingAccountInvalid.
 */
export async function stagingDestination(
  context: JobContext,
  item: ProtectedItem,
  point: RecoveryPoint,
  target: StagingTarget,
): Promise<RestoreDestination> {
  const blobs = requireBlobs(context, target);
  const { job, clock } = context;
  const names = stagingNames(item.vmName, job);
  const place = (name: string): BlobPlace => ({ account: target.account, container: names.container, name });
  const url = (name: string): string => `${target.endpoint}${names.container}/${name}`;
  await blobs.createContainer(target.account, names.container);
  const { managedDisks } = target;
  return {
    name: target.account,
    lastTask: WRITE_CONFIGURATION,
    prefersSnapshot: managedDisks !== undefined,
    createDisk: (disk) =>
      managedDisks
        ? createManagedDisk(context, item, names.managedDisk(disk.lun), disk)
        : vhdBlob(blobs, place(names.vhd(disk.lun)), disk, clock.now()),
    finish: async (done) => {
      const disks: StagedDisk[] = [];
      for (const { disk, path } of done) {
        const { lun, sizeBytes } = disk;
        const name = managedDisks ? names.managedDisk(lun) : names.vhd(lun).replace(/\.vhd$/, '');
        if (managedDisks) {
          const osType = String(point.machine.osType ?? 'Linux');
          const diskId = await recordManagedDisk(context, { item, target: managedDisks, name, osType, disk, path });
          disks.push({ lun, sizeBytes, name, diskId });
        } else disks.push({ lun, sizeBytes, name, vhdUri: url(names.vhd(lun)) });
      }
      const files = stagedFiles({ item, point, disks, accountId: target.accountId });
      await writeBlob(blobs, place(names.config), files.config);
      await writeBlob(blobs, place(names.template), files.template);
      return {
        'Job Type': 'Recover disks',
        'Target Storage Account Name': target.account,
        'Target resource group': target.resourceGroup,
        'Config Blob Container Name': names.container,
        'Config Blob Name': names.config,
        'Config Blob Uri': url(names.config),
        'Template Blob Uri': url(names.template),
        // the blank at the end is Azure's
        'Recovery point time ': azureTime(point.takenAt),
      };
    },
  };
}

function requireBlobs({ blobs }: JobContext, target: StagingTarget): BlobStore {
  if (blobs) return blobs;
  throw new CodedError(
    'UserErrorStagingAccountInvalid',
    `There are no storage accounts here, so no '${target.account}'.`,
  );
}

async function vhdBlob(
  blobs: BlobStore,
  place: BlobPlace,
  { sizeBytes, diskId }: PointDisk,
  now: number,
): Promise<DiskTarget> {
  const diskBytes = Math.ceil(sizeBytes / VHD_FOOTER_BYTES) * VHD_FOOTER_BYTES;
  const draft = await newDraft(blobs, place, diskBytes + VHD_FOOTER_BYTES);
  try {
    await using file = await open(draft.path, 'r+');
    await file.write(
      fixedVhdFooter(diskBytes, { name: `${place.container}/${place.name}/${diskId}`, now }),
      0,
      VHD_FOOTER_BYTES,
      diskBytes,
    );
  } catch (error) {
    await draft[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: draft.path,
    commit: async () => {
      const headers = { 'content-type': 'application/octet-stream' };
      await whileThere(place, () => draft.commit(place, { kind: 'PageBlob', headers, metadata: {} }));
    },
    [Symbol.asyncDispose]: () => draft[Symbol.asyncDispose](),
  };
}

async function writeBlob(blobs: BlobStore, place: BlobPlace, bytes: Uint8Array): Promise<void> {
  await using draft = await newDraft(blobs, place, 0);
  {
    await using file = await open(draft.path, 'r+');
    await file.writeFile(bytes);
  }
  const headers = { 'content-type': 'application/json' };
  await whileThere(place, () => draft.commit(place, { kind: 'BlockBlob', headers, metadata: {} }));
}

const newDraft = (blobs: BlobStore, place: BlobPlace, sizeBytes: number): Promise<BlobDraft> =>
  whileThere(place, () => blobs.draft(place.account, place.container, sizeBytes));

/** The account, or the container, may be deleted while the restore runs. */
async function whileThere<T>(place: BlobPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw new CodedError(
      'UserErrorStagingAccountInvalid',
      `The container '${place.container}' of the storage account '${place.account}' was deleted while the restore ran.`,
      {
        target: place.account,
        cause: error,
        recommendations: ['Restore again, and leave the account alone meanwhile.'],
      },
    );
  }
}

/** '12/25/2019 10:07:11 PM', as Azure writes it here. */
const azureTime = (ms: number): string =>
  new Intl.DateTimeFormat('en-US', {
    timeZone: 'UTC',
    month: 'numeric',
    day: 'numeric',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
  })
    .format(ms)
    .replace(/,/g, '')
    .replace(/\u202f/g, ' ');
