import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/lib/clock.ts';
import { FakeHost } from '../../src/machine/fakeHost.ts';
import { openImageHost } from '../../src/machine/imageHost.ts';
import type { Machine, MachineHost, MachineRef } from '../../src/machine/machine.ts';

export interface NewMachine extends MachineRef {
  readonly disks: readonly { readonly lun: number; readonly name: string; readonly sizeBytes: number }[];
}

/** Machines whose guests write. */
export interface SoakMachines {
  readonly host: MachineHost;
  add(machine: NewMachine): Promise<Machine>;
  write(ref: MachineRef, lun: number, offset: number, bytes: Uint8Array): Promise<void>;
}

/** They track their changes, and live as long as this process. */
export const fakeMachines = (folder: string, clock: Clock): SoakMachines => {
  const host = new FakeHost({ folder, clock });
  return {
    host,
    add: (machine) => host.addMachine(machine),
    write: (ref, lun, offset, bytes) => host.write(ref, lun, offset, bytes),
  };
};

/** Image files with their snapshots on the disk: another process finds them as they are. */
export const imageMachines = async (folder: string, clock: Clock): Promise<SoakMachines> => {
  const machines = join(folder, 'machines');
  const fileOf = ({ name }: MachineRef, lun: number) => `${name}-${lun === -1 ? 'os' : lun}.raw`;
  await mkdir(machines, { recursive: true });
  const host = await openImageHost({ name: 'image', folder: machines, stateFolder: join(folder, 'snapshots'), clock });
  return {
    host,
    add: async ({ disks, ...ref }) => {
      for (const { lun, sizeBytes } of disks) {
        await using file = await open(join(machines, fileOf(ref, lun)), 'w');
        await file.truncate(sizeBytes);
      }
      const described = disks.map(({ lun, name }) => ({ lun, name, path: fileOf(ref, lun), format: 'raw' }));
      const description = JSON.stringify({ ...ref, location: 'westeurope', disks: described });
      await writeFile(join(machines, `${ref.name}.json`), description);
      return host.find(ref);
    },
    write: async (ref, lun, offset, bytes) => {
      await using file = await open(join(machines, fileOf(ref, lun)), 'r+');
      await file.write(bytes, 0, bytes.length, offset);
    },
  };
};
