import { existsSync } from 'node:fs';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath, writeFileDurably } from '../lib/durableFile.ts';
import { CodedError } from '../lib/error.ts';
import type { DiskTarget, MachineRef } from '../machine/machine.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import type { RestoreDestination } from './restoredDisk.ts';
import { CREATE_MACHINE, type RestoreTarget } from './restoreTarget.ts';
import { stagingDestination } from './stagingDestination.ts';

/** Errors: RestoreTargetInvalid (something of that name is there), HostUnavailable. */
export async function restoreDestination(
  context: JobContext,
  item: ProtectedItem,
  point: RecoveryPoint,
  target: RestoreTarget,
): Promise<RestoreDestination> {
  if (target.kind === 'staging') return stagingDestination(context, item, point, target);
  return target.kind === 'folder'
    ? folderDestination(item, point, target.folder)
    : machineDestination(context, item, point, target);
}

async function folderDestination(
  item: ProtectedItem,
  point: RecoveryPoint,
  folder: string,
): Promise<RestoreDestination> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pathOf = ({ lun }: PointDisk) => join(folder, `${item.vmName}-${lun === -1 ? 'os' : lun}.raw`);
  const taken = point.disks.map(pathOf).find((path) => existsSync(path));
  if (taken !== undefined)
    throw new CodedError('RestoreTargetInvalid', `targetFolder already holds ${taken}: a restore never overwrites.`, {
      target: 'targetFolder',
      recommendations: ['Name a folder without restored disks of this machine.'],
    });
  return {
    name: folder,
    createDisk: (disk) => createDiskFile(folder, pathOf(disk), disk.sizeBytes),
    finish: async (disks) => {
      await writeFileDurably(
        join(folder, `${item.vmName}.json`),
        `${JSON.stringify({ recoveryPointId: point.id, takenAt: new Date(point.takenAt).toISOString(), consistency: point.consistency, machine: point.machine, disks: disks.map(({ disk }) => ({ lun: disk.lun, name: disk.name, sizeBytes: disk.sizeBytes, path: pathOf(disk) })) }, undefined, 2)}\n`,
      );
      return { 'Restored To': folder };
    },
  };
}

/** Written beside its name and linked to it when whole, so a file of that name is always a whole disk. */
async function createDiskFile(folder: string, path: string, sizeBytes: number): Promise<DiskTarget> {
  const partial = `${path}.part`;
  await rm(partial, { force: true });
  {
    await using file = await open(partial, 'wx', 0o600);
    await file.truncate(sizeBytes);
  }
  return {
    path: partial,
    commit: async () => {
      await syncPath(partial);
      await link(partial, path);
      await rm(partial);
      await syncPath(folder);
    },
    [Symbol.asyncDispose]: () => rm(partial, { force: true }),
  };
}

async function machineDestination(
  { hosts, signal }: JobContext,
  item: ProtectedItem,
  point: RecoveryPoint,
  target: Extract<RestoreTarget, { kind: 'machine' }>,
): Promise<RestoreDestination> {
  const host = hosts.get(target.host);
  const ref: MachineRef = { resourceGroup: target.resourceGroup, name: target.machineName };
  const { machines } = await host.list(signal);
  const key = (machine: MachineRef) => `${machine.resourceGroup}/${machine.name}`.toLowerCase();
  if (machines.some((machine) => key(machine) === key(ref)))
    throw new CodedError(
      'RestoreTargetInvalid',
      `machineName '${ref.name}' is taken in ${ref.resourceGroup} on ${host.name}.`,
      {
        target: 'machineName',
      },
    );
  const before = point.machine as unknown as {
    location: string;
    tags: Record<string, string>;
    osType: 'Linux' | 'Windows';
  };
  const name = `${host.name}/${ref.resourceGroup}/${ref.name}`;
  return {
    name,
    lastTask: CREATE_MACHINE,
    createDisk: ({ lun, name, sizeBytes }) => host.createDisk(ref, { lun, name, sizeBytes }),
    finish: async (disks) => {
      await host.create({
        ...ref,
        location: before.location,
        tags: { ...before.tags, 'restored-from': `${item.vmName} at ${new Date(point.takenAt).toISOString()}` },
        osType: before.osType,
        disks: disks.map(({ disk: { lun, name }, path }) => ({ lun, name, path, format: 'raw' })),
      });
      return { 'Restored To': name };
    },
  };
}
