import { randomUUID } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk, Machine, NewDisk } from '../machine.ts';

/** A disk's file, its identity and the writes it has seen. */
export interface FakeDisk extends Disk {
  readonly diskId: string;
  readonly path: string;
  readonly writes: { readonly offset: number; readonly length: number }[];
}

export interface FakeMachine {
  machine: Machine;
  disks: FakeDisk[];
}

/** An empty disk in a new sparse file. */
export const newFakeDisk = async (
  folder: string,
  fileName: string,
  { lun, name, sizeBytes }: NewDisk,
): Promise<FakeDisk> => {
  await mkdir(folder, { recursive: true });
  const path = join(folder, fileName);
  await using file = await open(path, 'wx');
  await file.truncate(sizeBytes);
  return { lun, name, sizeBytes, format: 'raw', diskId: randomUUID(), path, writes: [] };
};
