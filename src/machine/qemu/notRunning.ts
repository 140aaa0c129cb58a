import { CodedError } from '../../lib/error.ts';
import { type DescribedMachine, findMachine } from '../description/folder.ts';
import type { FolderPlace } from '../description/place.ts';
import type { MachineRef } from '../machine.ts';

/** The machine, when it is ours to switch. `done`: what is not done from here otherwise. Errors: BCMV2VMNotFound, UserErrorVmNotInDesirableState. */
export const managedMachine = async (place: FolderPlace, ref: MachineRef, done: string): Promise<DescribedMachine> => {
  const machine = await findMachine(place, ref);
  if (machine.qemu.qmpSocket === undefined) return machine;
  throw new CodedError(
    'UserErrorVmNotInDesirableState',
    `${ref.name} is described by its qmpSocket: it is ${done} by whoever runs it`,
    { target: ref.name },
  );
};

/** A machine that others run, and that does not run now. */
export const notRunning = ({ name, qemu }: DescribedMachine): CodedError =>
  new CodedError(
    'HostUnavailable',
    `${name} does not run: no QEMU listens at its qmpSocket ${qemu.qmpSocket}. Start it, or describe it without qmpSocket`,
    {
      target: name,
      recommendations: [
        `A machine that is off is backed up when it is described without qmpSocket: Strongroom then starts a QEMU for it.`,
      ],
    },
  );
