import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../../lib/durableFile.ts';

/** Writes the files that a new guest configures itself from, for their owner alone; the folder. */
export const writeSeed = async (machineFolder: string, files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = join(machineFolder, 'seed');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) await writeFileDurably(join(folder, name), content);
  return folder;
};
