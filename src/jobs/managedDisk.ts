import { findArmResource, putArmResource } from '../db/armResources.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { DiskTarget, MachineHost } from '../machine/machine.ts';
import { resourceArmId } from '../vault/armIds.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { PointDisk } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import type { StagingTarget } from './restoreTarget.ts';

const MANAGED_DISKS = 'Microsoft.Compute/disks';

/** The machine's own host, unless it makes no machines and another does: there a disk can be attached, and deleted. */
const hostOf = ({ hosts }: Pick<JobContext, 'hosts'>, item: ProtectedItem): MachineHost => {
  const own = hosts.get(item.host);
  return own.keeper ? own : (hosts.all.find(({ keeper }) => keeper) ?? own);
};

/** A disk file that belongs to no machine yet; `name` is the disk's. */
export function createManagedDisk(
  context: Pick<JobContext, 'hosts'>,
  item: ProtectedItem,
  name: string,
  { lun, sizeBytes }: PointDisk,
): Promise<DiskTarget> {
  return hostOf(context, item).createDisk({ resourceGroup: item.resourceGroup, name }, { lun, name, sizeBytes });
}

export interface RestoredDiskResource {
  readonly item: ProtectedItem;
  readonly target: NonNullable<StagingTarget['managedDisks']>;
  readonly name: string;
  readonly osType: string;
  readonly disk: PointDisk;
  /** Of the file on the host. */
  readonly path: string;
}

/** Makes the resource of a disk that is whole and durable; its id. Errors: Conflict (another disk has the name). */
export async function recordManagedDisk(
  context: Pick<JobContext, 'db' | 'clock' | 'job' | 'hosts'>,
  { item, target, name, disk, path, osType }: RestoredDiskResource,
): Promise<string> {
  const { db, clock, job } = context;
  const id = resourceArmId(target.subscriptionId, target.resourceGroup, MANAGED_DISKS, name);
  const now = clock.now();
  await db.transaction(async (tx) => {
    const before = await findArmResource(tx, id);
    if (before && before.secret?.jobId !== job.id)
      throw new CodedError('Conflict', `A disk '${name}' is in the resource group '${target.resourceGroup}' already.`, {
        target: id,
      });
    await putArmResource(tx, {
      id,
      type: MANAGED_DISKS,
      subscriptionId: target.subscriptionId,
      resourceGroup: target.resourceGroup,
      name,
      location: target.location,
      tags: {},
      properties: {
        ...(disk.lun === -1 ? { osType } : {}),
        creationData: { createOption: 'Restore', sourceResourceId: item.sourceResourceId },
        diskSizeGB: Math.ceil(disk.sizeBytes / 2 ** 30),
        diskSizeBytes: disk.sizeBytes,
        diskState: 'Unattached',
        provisioningState: 'Succeeded',
        timeCreated: isoTime(now),
        uniqueId: crypto.randomUUID(),
      },
      other: { sku: { name: 'Standard_LRS', tier: 'Standard' } },
      // where its bytes are: for whoever attaches it
      secret: { host: hostOf(context, item).name, path, format: 'raw', jobId: job.id },
      createdAt: now,
      updatedAt: now,
    });
  });
  return id;
}
