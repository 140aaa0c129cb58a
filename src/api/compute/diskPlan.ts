import type { ArmContext } from '../../arm/route.ts';
import { type ArmResource, findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { sameName } from '../ids.ts';
import type { KeptDisk, LocalImage } from '../machineKeeper.ts';
import { demandReference } from '../network/references.ts';
import type { Services } from '../services.ts';
import { trackedId } from '../trackedPut.ts';
import { DISK_TYPE, keptDiskOf } from './disks.ts';
import type { DataDiskBody } from './machineBody.ts';
import type { DiskRecord } from './machineRecord.ts';

/** A disk that a machine is to have: one to be made, or one that is there. */
export type PlannedDisk = { readonly record: DiskRecord } & (
  | { readonly existing: KeptDisk; readonly make?: never }
  | {
      readonly existing?: never;
      readonly make: {
        readonly name: string;
        readonly sizeBytes: number;
        readonly from?: Pick<LocalImage, 'path' | 'format'>;
      };
    }
);

/** Errors: InvalidParameter, InvalidResourceReference, OperationNotAllowed, Conflict, AuthorizationFailed. */
export async function attachable(
  services: Services,
  context: Pick<ArmContext, 'demand'>,
  owner: { readonly resourceGroup: string; readonly machine: string },
  asked: DataDiskBody,
): Promise<PlannedDisk> {
  const record = {
    lun: asked.lun,
    caching: asked.caching ?? 'None',
    deleteOption: asked.deleteOption?.toLowerCase() === 'delete' ? ('Delete' as const) : ('Detach' as const),
  };
  const option = asked.createOption.toLowerCase();
  if (option === 'attach') {
    const row = await requireFreeDisk(services, context, owner, asked);
    const existing = keptDiskOf(row);
    return { existing, record: { ...record, name: row.name, diskId: row.id, createOption: 'Attach' } };
  }
  if (option !== 'empty') throw invalid(asked, 'createOption', "must be 'Empty' or 'Attach'");
  if (asked.diskSizeGB == null) throw invalid(asked, 'diskSizeGB', 'is required for an empty disk');
  const name = asked.name ?? `${owner.machine}_disk${asked.lun + 2}_${crypto.randomUUID().replaceAll('-', '')}`;
  const diskId = trackedId(services, DISK_TYPE, owner.resourceGroup, name);
  if (await findArmResource(services.db.queries, diskId))
    throw new CodedError('Conflict', `Disk ${name} exists already in resource group ${owner.resourceGroup}.`, {
      target: diskId,
    });
  await context.demand('Microsoft.Compute/disks/write', diskId);
  return {
    make: { name, sizeBytes: asked.diskSizeGB * 2 ** 30 },
    record: { ...record, name, diskId, createOption: 'Empty' },
  };
}

async function requireFreeDisk(
  services: Services,
  context: Pick<ArmContext, 'demand'>,
  owner: { readonly machine: string },
  asked: DataDiskBody,
): Promise<ArmResource> {
  const to = asked.managedDisk?.id;
  if (to == null) throw invalid(asked, 'managedDisk.id', 'is required to attach a disk that is there');
  const row = await findArmResource(services.db.queries, to);
  const isThere = sameName(row?.type ?? '', DISK_TYPE);
  await demandReference(context, { from: owner.machine, to, action: 'Microsoft.Compute/disks/read', isThere });
  const user = row?.other.managedBy as string | undefined;
  if (user !== undefined)
    throw new CodedError('OperationNotAllowed', `Disk ${row?.name ?? to} is attached to VM ${user} already.`, {
      target: to,
    });
  const host = row?.secret?.host ?? '';
  if (!services.hosts.some(({ name, keeper }) => name === host && keeper))
    throw new CodedError(
      'OperationNotAllowed',
      `Disk ${row?.name ?? to} lies on host '${host}', which runs no machines.`,
      { target: to },
    );
  return row!;
}

const invalid = ({ lun }: DataDiskBody, field: string, rule: string): CodedError =>
  new CodedError('InvalidParameter', `'properties.storageProfile.dataDisks' at LUN ${lun}: ${field} ${rule}.`, {
    target: `dataDisk.${field}`,
  });
