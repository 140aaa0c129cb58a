import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { writeFileDurably } from '../../lib/durableFile.ts';
import { CodedError } from '../../lib/error.ts';
import type { QemuDescription } from '../description.ts';
import type { MachineSpec } from '../machine.ts';
import { machineKey } from '../machineRef.ts';
import { parseInPlace, readMachines } from './folder.ts';
import { type FolderPlace, legalRoots, portablePath } from './place.ts';

/** Writes the description of a new machine. Errors: Conflict when one of that name is there, MachineDescriptionInvalid. */
export const writeDescription = async (
  place: FolderPlace,
  spec: MachineSpec & { readonly vmId: string },
  qemu?: Partial<QemuDescription>,
): Promise<void> => {
  const { name, resourceGroup, location, tags, osType, vmId, disks } = spec;
  const described = {
    name,
    resourceGroup,
    location,
    tags: { ...tags },
    osType,
    vmId,
    disks: disks.map((disk) => ({ ...disk, path: portablePath(place, resolve(disk.path)) })),
    ...(qemu ? { qemu } : {}),
  };
  const text = stringify(described);
  const file = join(place.folder, `${resourceGroup}.${name}.yaml`.toLowerCase());
  await parseInPlace(text, file, place.folder, await legalRoots(place));
  const { machines } = await readMachines(place);
  if (machines.has(machineKey(spec)))
    throw new CodedError('Conflict', `machine ${name} exists already in ${resourceGroup}`, { target: name });
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  await writeFileDurably(file, text);
};
