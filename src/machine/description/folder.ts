import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileDurably } from '../../lib/durableFile.ts';
import { CodedError, isCoded, isSystemError } from '../../lib/error.ts';
import { type MachineDescription, parseDescription } from '../description.ts';
import type { MachineRef } from '../machine.ts';
import { machineKey, machineNotFound } from '../machineRef.ts';
import { checkDiskPlaces, type FolderPlace, legalRoots } from './place.ts';

export interface DescribedMachine extends MachineDescription {
  readonly vmId: string;
  readonly place: FolderPlace;
  /** The description's own path. */
  readonly file: string;
}

const MAX_FILE_BYTES = 1 << 20;

/** Every machine of a folder of descriptions, and what is wrong with the rest. Errors: HostUnavailable. */
export const readMachines = async (
  place: FolderPlace,
): Promise<{ machines: ReadonlyMap<string, DescribedMachine>; problems: readonly CodedError[] }> => {
  const machines = new Map<string, DescribedMachine>();
  const problems: CodedError[] = [];
  const fileOf = new Map<string, string>();
  const roots = await legalRoots(place);
  for (const name of await descriptionFiles(place.folder)) {
    try {
      const description = await readDescription(join(place.folder, name), place.folder, roots);
      const key = machineKey(description);
      const other = fileOf.get(key);
      if (other !== undefined) throw twice(name, other, description);
      const vmId = description.vmId ?? (await rememberedId(place, description));
      machines.set(key, { ...description, vmId, place, file: join(place.folder, name) });
      fileOf.set(key, name);
    } catch (error) {
      if (!isCoded(error)) throw error;
      problems.push(error);
    }
  }
  return { machines, problems };
};

/** Errors: BCMV2VMNotFound, with the descriptions that could not be read as details. */
export const findMachine = async (place: FolderPlace, ref: MachineRef): Promise<DescribedMachine> => {
  const { machines, problems } = await readMachines(place);
  const found = machines.get(machineKey(ref));
  if (found) return found;
  const missing = machineNotFound(ref);
  throw new CodedError(missing.code, missing.message, {
    target: ref.name,
    details: problems.map(({ code, message }) => ({ code, message })),
  });
};

/** Folder of what is kept of a machine: it stays when the machine is gone. */
export const machineStateFolder = (stateFolder: string, ref: MachineRef): string =>
  join(stateFolder, 'machines', ref.resourceGroup.toLowerCase(), ref.name.toLowerCase());

const descriptionFiles = async (folder: string): Promise<string[]> => {
  try {
    return (await readdir(folder)).filter((name) => /\.(ya?ml|json)$/i.test(name) && !name.startsWith('.')).sort();
  } catch (cause) {
    throw new CodedError('HostUnavailable', `${folder}: the folder of machine descriptions cannot be read`, {
      target: folder,
      cause,
    });
  }
};

/** Errors: MachineDescriptionInvalid. */
export const parseInPlace = async (
  text: string,
  file: string,
  folder: string,
  roots: readonly string[],
): Promise<MachineDescription> => {
  const description = parseDescription(text, { file, folder, diskRoots: roots });
  await checkDiskPlaces(description, file, roots);
  return description;
};

const readDescription = async (file: string, folder: string, roots: readonly string[]): Promise<MachineDescription> => {
  const text = await readFile(file).catch((cause: unknown) => {
    throw new CodedError('MachineDescriptionInvalid', `${basename(file)}: cannot be read`, {
      target: basename(file),
      cause,
    });
  });
  if (text.length > MAX_FILE_BYTES)
    throw new CodedError('MachineDescriptionInvalid', `${basename(file)}: must not exceed ${MAX_FILE_BYTES} bytes`, {
      target: basename(file),
    });
  return parseInPlace(text.toString('utf8'), file, folder, roots);
};

const twice = (file: string, other: string, { name, resourceGroup }: MachineRef): CodedError =>
  new CodedError(
    'MachineDescriptionInvalid',
    `${file}: name ${name} stands in ${other} too; it must be another in resource group ${resourceGroup}`,
    {
      target: 'name',
    },
  );

/** The id given to a machine whose description has none: made at first sight, and kept. */
const rememberedId = async (place: FolderPlace, ref: MachineRef): Promise<string> => {
  const folder = machineStateFolder(place.stateFolder, ref);
  const path = join(folder, 'vm-id');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    const id = randomUUID();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileDurably(path, `${id}\n`);
    return id;
  }
};
