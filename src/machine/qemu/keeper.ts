import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { syncPath } from '../../lib/durableFile.ts';
import { CodedError } from '../../lib/error.ts';
import type { KeyedLock } from '../../lib/keyedLock.ts';
import { editDescription } from '../description/edit.ts';
import { type DescribedMachine, findMachine, machineStateFolder, readMachines } from '../description/folder.ts';
import { type FolderPlace, portablePath } from '../description/place.ts';
import { writeDescription } from '../description/write.ts';
import type {
  Hardware,
  KeptDisk,
  KeptMachineSpec,
  Machine,
  MachineHost,
  MachineKeeper,
  MachineRef,
  NewKeptDisk,
  UnfinishedDisk,
} from '../machine.ts';
import { machineKey } from '../machineRef.ts';
import { KeptDisks } from '../tools/keptDisks.ts';
import { plugDisk, unplugDisk } from './hotplug.ts';
import type { MachineHandle } from './machineHandle.ts';
import { writeSeed } from './seed.ts';

interface KeeperParts {
  readonly place: FolderPlace;
  readonly clock: Clock;
  /** The host's own: what is done here waits for a snapshot of the machine, and holds the next one back. */
  readonly lock: KeyedLock;
  readonly handleOf: (machine: DescribedMachine) => Promise<MachineHandle>;
  readonly host: Pick<MachineHost, 'find'>;
  /** Of the machines it makes. */
  readonly accelerator: 'tcg' | 'kvm';
}

/** Makes machines, changes and removes them: by their descriptions, and in their QEMU where they run. */
export class QemuKeeper implements MachineKeeper {
  readonly #parts: KeeperParts;
  readonly #disks: KeptDisks;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#disks = new KeptDisks(join(parts.place.stateFolder, 'kept-disks'));
  }

  makeDisk(disk: NewKeptDisk, signal?: AbortSignal): Promise<KeptDisk> {
    return this.#disks.make(disk, signal);
  }

  removeDisk(disk: KeptDisk): Promise<void> {
    return this.#disks.remove(disk);
  }

  async removeUnfinished(disks: readonly UnfinishedDisk[], kept: readonly string[]): Promise<void> {
    const { machines, problems } = await readMachines(this.#parts.place);
    // a description that cannot be read may name any of them
    if (problems.length > 0) return;
    const used = [...machines.values()].flatMap((machine) => machine.disks.map(({ path }) => path));
    await this.#disks.removeUnfinished(disks, new Set([...used, ...kept]));
  }

  async createMachine(spec: KeptMachineSpec): Promise<Machine> {
    const { boot, cards, memoryMiB, cpus, seed, name, resourceGroup, location, tags, osType, vmId } = spec;
    const { place, lock, host } = this.#parts;
    const disks = spec.disks.map(({ lun, name: disk, path, format }) => ({ lun, name: disk, path, format }));
    await lock.run(machineKey(spec), async () => {
      const { accelerator } = this.#parts;
      const seedFolder = seed && (await writeSeed(machineStateFolder(place.stateFolder, spec), seed));
      const qemu = {
        ...{ memoryMiB, cpus, accelerator, ...boot },
        ...(cards.length === 0 ? {} : { cards }),
        ...(seedFolder === undefined ? {} : { seedFolder: portablePath(place, seedFolder) }),
      };
      await writeDescription(place, { name, resourceGroup, location, tags, osType, vmId, disks }, qemu);
    });
    return host.find(spec);
  }

  async manages(ref: MachineRef): Promise<boolean> {
    return (await findMachine(this.#parts.place, ref)).qemu.qmpSocket === undefined;
  }

  deleteMachine(ref: MachineRef): Promise<void> {
    return this.#change(ref, async (machine, handle) => {
      if ((await handle.status()) !== undefined) await handle.stop(false);
      await rm(machine.file);
      await syncPath(machine.place.folder);
      const state = machineStateFolder(machine.place.stateFolder, ref);
      await rm(join(state, 'seed'), { recursive: true, force: true });
      // A machine of that name is another one from now on.
      await rm(join(state, 'vm-id'), { force: true });
    });
  }

  attachDisk(ref: MachineRef, disk: KeptDisk & { readonly lun: number; readonly name: string }): Promise<void> {
    return this.#change(ref, async (machine, handle) => {
      const taken = machine.disks.find(({ lun, name }) => lun === disk.lun || name === disk.name);
      if (taken)
        throw new CodedError('Conflict', `${ref.name} has the disk ${taken.name} at LUN ${taken.lun} already`, {
          target: disk.name,
        });
      const path = portablePath(machine.place, disk.path);
      const described = { lun: disk.lun, name: disk.name, path, format: disk.format };
      await editDescription(machine, ({ disks }) => ({ disks: [...disks, described] }));
      if ((await handle.status()) === undefined) return;
      await handle.link
        .use((qmp) => plugDisk(qmp, disk))
        .catch(async (error: unknown) => {
          await editDescription(machine, ({ disks }) => ({ disks: disks.filter(({ lun }) => lun !== disk.lun) }));
          throw error;
        });
    });
  }

  detachDisk(ref: MachineRef, lun: number): Promise<void> {
    return this.#change(ref, async (machine, handle) => {
      if (lun < 0) throw notAllowed(ref, 'its OS disk cannot be detached');
      if ((await handle.status()) !== undefined)
        await handle.link.use((qmp) => unplugDisk(qmp, lun, this.#parts.clock));
      await editDescription(machine, ({ disks }) => ({ disks: disks.filter((disk) => disk.lun !== lun) }));
    });
  }

  change(
    ref: MachineRef,
    what: Partial<Hardware> & { readonly tags?: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { tags, ...hardware } = what;
    return this.#change(ref, (machine) =>
      editDescription(machine, ({ qemu }) => ({
        ...(tags === undefined ? {} : { tags }),
        ...(Object.keys(hardware).length === 0 ? {} : { qemu: { ...qemu, ...hardware } }),
      })),
    );
  }

  #change(ref: MachineRef, work: (machine: DescribedMachine, handle: MachineHandle) => Promise<void>): Promise<void> {
    return this.#parts.lock.run(machineKey(ref), async () => {
      const machine = await findMachine(this.#parts.place, ref);
      if (machine.qemu.qmpSocket !== undefined) throw notAllowed(ref, 'others run it: its description has a qmpSocket');
      await work(machine, await this.#parts.handleOf(machine));
    });
  }
}

const notAllowed = (ref: MachineRef, why: string): CodedError =>
  new CodedError('OperationNotAllowed', `The machine ${ref.name} cannot be changed so: ${why}.`, { target: ref.name });
