import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { KeyedLock } from '../lib/keyedLock.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { Collection } from './collection/collection.ts';
import { settle } from './collection/settle.ts';
import { openStoredDisk } from './collection/storedDisk.ts';
import {
  type DescribedMachine,
  type FolderPlace,
  findMachine,
  machineStateFolder,
  readMachines,
} from './description/folder.ts';
import { writeDescription } from './description/write.ts';
import type { ImageHostOptions } from './imageHost.ts';
import type {
  Disk,
  DiskTarget,
  Machine,
  MachineHost,
  MachineRef,
  MachineSpec,
  NewDisk,
  Snapshot,
  SnapshotDisk,
  SnapshotRequest,
} from './machine.ts';
import { machineKey, snapshotNotFound } from './machineRef.ts';
import { describedDisks } from './qemu/describedDisks.ts';
import { MachineHandle } from './qemu/machineHandle.ts';
import { reconcileMachine } from './qemu/reconcile.ts';
import { managedSockets } from './qemu/sockets.ts';
import { takeSnapshot } from './qemu/takeSnapshot.ts';
import { DiskFolder } from './tools/diskFile.ts';
import { openRunFolder } from './tools/runFolder.ts';

export interface QemuHostOptions extends ImageHostOptions {
  /** Boot and memory of machines that `create` makes. */
  readonly newMachine?: {
    readonly memoryMiB?: number;
    readonly kernel?: string;
    readonly initrd?: string;
    readonly append?: string;
  };
}

/** QEMU guests, reached through the monitor and the guest agent: started by us from a folder of descriptions, or by others. */
export const openQemuHost = async (options: QemuHostOptions): Promise<MachineHost> =>
  new QemuHost(options, await openRunFolder(options.stateFolder));

class QemuHost implements MachineHost {
  readonly kind = 'qemu';
  readonly name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #place: FolderPlace;
  readonly #runFolder: string;
  readonly #newMachine: QemuHostOptions['newMachine'];
  readonly #disks: DiskFolder;
  /** One snapshot, merge or reconciliation a machine at a time. */
  readonly #lock = new KeyedLock();
  readonly #collections = new Map<string, Promise<Collection>>();
  readonly #handles = new Map<string, MachineHandle>();

  constructor(options: QemuHostOptions, runFolder: string) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#place = { folder: options.folder, stateFolder: options.stateFolder, diskRoots: options.diskRoots ?? [] };
    this.#runFolder = runFolder;
    this.#newMachine = options.newMachine;
    this.#disks = new DiskFolder(options.stateFolder);
  }

  async list(): Promise<{ machines: readonly Machine[]; problems: readonly string[] }> {
    const described = await readMachines(this.#place);
    const problems = described.problems.map((problem) => problem.message);
    const views = [...described.machines.values()].map(async (machine) => {
      try {
        return [await this.#view(machine)];
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        problems.push(`${machine.name}: ${error.message}`);
        return [];
      }
    });
    return { machines: (await Promise.all(views)).flat(), problems };
  }

  async find(ref: MachineRef): Promise<Machine> {
    return this.#view(await findMachine(this.#place, ref));
  }

  snapshot(ref: MachineRef, request: SnapshotRequest): Promise<Snapshot> {
    return this.#lock.run(machineKey(ref), async () => {
      const machine = await findMachine(this.#place, ref);
      const [handle, collection] = [await this.#handle(machine), await this.#collection(ref)];
      const { qmp: qmpSocket, agent } = handle.sockets;
      const agentSocket = machine.qemu.qmpSocket === undefined ? agent : machine.qemu.agentSocket;
      const take = async () => {
        const view = await this.#view(machine);
        const { link } = handle;
        return takeSnapshot(
          { machine, collection, link, qmpSocket, agentSocket, view, clock: this.#clock, log: this.#log },
          request,
        );
      };
      try {
        return await (machine.qemu.qmpSocket === undefined ? handle.whileLaunched(machine, take) : take());
      } finally {
        await this.#settle(collection);
      }
    });
  }

  async snapshots(ref: MachineRef): Promise<readonly Snapshot[]> {
    return (await this.#collection(ref)).live.map((entry) => entry.snapshot);
  }

  async openDisk(ref: MachineRef, snapshotId: string, lun: number, signal?: AbortSignal): Promise<SnapshotDisk> {
    const collection = await this.#collection(ref);
    // Counted as a reader before the entry is looked up: no merge may move the file in between.
    const endRead = collection.read();
    try {
      const entry = collection.live.find(({ snapshot }) => snapshot.id === snapshotId);
      if (!entry?.disks.some((disk) => disk.lun === lun)) throw snapshotNotFound(ref, snapshotId, lun);
      return await openStoredDisk(collection, entry, lun, this.#runFolder, signal, () => this.#settleIfIdle(ref));
    } finally {
      endRead();
    }
  }

  async deleteSnapshot(ref: MachineRef, snapshotId: string): Promise<void> {
    const collection = await this.#collection(ref);
    if (!collection.live.some(({ snapshot }) => snapshot.id === snapshotId)) return;
    await collection.update((all) =>
      all.map((entry) => (entry.snapshot.id === snapshotId ? { ...entry, deleted: true } : entry)),
    );
    await this.#settleIfIdle(ref);
  }

  reconcile(ref: MachineRef): Promise<readonly string[]> {
    return this.#lock.run(machineKey(ref), async () => {
      const collection = await this.#collection(ref);
      const machine = await findMachine(this.#place, ref).catch((error: unknown) => {
        if (isCoded(error, 'BCMV2VMNotFound')) return undefined;
        throw error;
      });
      const undone = machine
        ? await reconcileMachine({ machine, collection, clock: this.#clock, handle: await this.#handle(machine) })
        : [];
      const disks = await this.#disks.removeUncommitted(ref);
      const files = await settle(collection);
      return [
        ...undone,
        ...disks.map((path) => `removed the unfinished disk ${path}`),
        ...files.map((file) => `removed the file ${file}`),
      ];
    });
  }

  createDisk(ref: MachineRef, disk: NewDisk): Promise<DiskTarget> {
    return this.#disks.create(ref, disk);
  }

  async create(spec: MachineSpec): Promise<Machine> {
    await this.#lock.run(machineKey(spec), () =>
      writeDescription(this.#place, { ...spec, vmId: randomUUID() }, this.#newMachine ?? {}),
    );
    return this.find(spec);
  }

  async start(ref: MachineRef): Promise<void> {
    const machine = await this.#managed(ref, 'started');
    await (await this.#handle(machine)).start(machine);
  }

  async stop(
    ref: MachineRef,
    options: { readonly graceful?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const machine = await this.#managed(ref, 'stopped');
    await (await this.#handle(machine)).stop(options.graceful ?? false, options.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #managed(ref: MachineRef, done: string): Promise<DescribedMachine> {
    const machine = await findMachine(this.#place, ref);
    if (machine.qemu.qmpSocket === undefined) return machine;
    throw new CodedError(
      'UserErrorVmNotInDesirableState',
      `${ref.name} is described by its qmpSocket: it is ${done} by whoever runs it`,
      { target: ref.name },
    );
  }

  async #view(machine: DescribedMachine): Promise<Machine> {
    const handle = await this.#handle(machine);
    const powerState = await handle.powerState();
    const { agent, ...system } = await this.#agentView(handle, powerState === 'running');
    const disks: readonly Disk[] = await describedDisks(machine, handle, powerState);
    const { name, resourceGroup, location, tags, vmId, osType } = machine;
    return { host: this.name, name, resourceGroup, location, tags, vmId, powerState, osType, agent, ...system, disks };
  }

  /** The agent's channel has one client: while a snapshot is being cut it is not ours. */
  #agentView(handle: MachineHandle, running: boolean) {
    if (!running) return { agent: { status: 'notReady' as const } };
    return handle.link.isLent ? handle.probe.last : handle.probe.look();
  }

  async #handle(machine: DescribedMachine): Promise<MachineHandle> {
    const { qmpSocket, agentSocket } = machine.qemu;
    const managed = managedSockets(this.#runFolder, machine);
    const sockets = qmpSocket === undefined ? managed : { ...managed, qmp: qmpSocket, agent: agentSocket ?? '' };
    const key = `${machineKey(machine)} ${sockets.qmp} ${sockets.agent}`;
    const collection = await this.#collection(machine);
    const handle = this.#handles.get(key) ?? new MachineHandle(sockets, collection, this.#clock);
    this.#handles.set(key, handle);
    return handle;
  }

  async #settleIfIdle(ref: MachineRef): Promise<void> {
    const key = machineKey(ref);
    if (!this.#lock.isHeld(key)) await this.#lock.run(key, async () => this.#settle(await this.#collection(ref)));
  }

  /** A merge that fails now is tried again after the next snapshot, reader or reconciliation. */
  async #settle(collection: Collection): Promise<void> {
    try {
      await settle(collection);
    } catch (error) {
      if (!isCoded(error)) throw error;
      this.#log.warn({ err: error, folder: collection.folder }, 'snapshots that were let go could not be merged yet');
    }
  }

  #collection(ref: MachineRef): Promise<Collection> {
    const key = machineKey(ref);
    const open = this.#collections.get(key) ?? Collection.open(machineStateFolder(this.#place.stateFolder, ref));
    this.#collections.set(key, open);
    return open;
  }
}
