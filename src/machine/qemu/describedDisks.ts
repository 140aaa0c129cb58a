import type { DescribedMachine } from '../description/folder.ts';
import { readImageHeader } from '../imageFormat.ts';
import type { Disk, PowerState } from '../machine.ts';
import { attachedDisks } from './blockDisks.ts';
import type { MachineHandle } from './machineHandle.ts';

/** The disks of a machine: those attached when it runs, from the images' headers when it does not or a snapshot is being cut. */
export const describedDisks = async (
  machine: DescribedMachine,
  handle: MachineHandle,
  powerState: PowerState,
  signal?: AbortSignal,
): Promise<readonly Disk[]> => {
  if (powerState !== 'stopped' && !handle.link.isLent) {
    const attached = await handle.link.use((qmp) => attachedDisks(qmp, machine), signal);
    return attached.map(({ lun, name, sizeBytes, format }) => ({ lun, name, sizeBytes, format }));
  }
  const disks: Disk[] = [];
  for (const { lun, name, path, format } of machine.disks) {
    const header = await readImageHeader(path, format);
    disks.push({ lun, name, sizeBytes: header.sizeBytes, format: header.format });
  }
  return disks;
};
