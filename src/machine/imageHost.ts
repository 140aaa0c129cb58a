import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { KeyedLock } from '../lib/keyedLock.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { Collection, type StoredDisk } from './collection/collection.ts';
import { openStoredDisk } from './collection/storedDisk.ts';
import { type DescribedMachine, findMachine, machineStateFolder, readMachines } from './description/folder.ts';
import type { FolderPlace } from './description/place.ts';
import { ProblemLog } from './description/problemLog.ts';
import { writeDescription } from './description/write.ts';
import { EXTENSION_VERSION } from './extension/program.ts';
import { copyImage } from './image/copyImage.ts';
import { readImageHeader } from './imageFormat.ts';
import type {
  Disk,
  DiskTarget,
  GuestExtension,
  Machine,
  MachineHost,
  MachineRef,
  MachineSpec,
  NewDisk,
  Snapshot,
  SnapshotDisk,
  SnapshotDiskInfo,
  SnapshotRequest,
} from './machine.ts';
import { checkSnapshotId, chooseDisks, machineKey, snapshotNotFound } from './machineRef.ts';
import { DiskFolder } from './tools/diskFile.ts';
import { openRunFolder } from './tools/runFolder.ts';

export interface ImageHostOptions {
  readonly name: string;
  /** Folder of machine descriptions (*.yaml, *.yml, *.json); see description.ts. */
  readonly folder: string;
  /** Where restore-point collections and restored disks are kept. */
  readonly stateFolder: string;
  readonly clock: Clock;
  readonly log?: Logger;
  /** Folders that disk paths may lie in; the folder of descriptions and the state folder always may. */
  readonly diskRoots?: readonly string[];
}

const WHY_WHOLE = 'an image file keeps no record of what changed';

/** A folder of powered-off machines. A snapshot is a copy, with shared blocks where the file system can. */
export const openImageHost = async (options: ImageHostOptions): Promise<MachineHost> =>
  new ImageHost(options, await openRunFolder(options.stateFolder));

class ImageHost implements MachineHost {
  readonly kind = 'image';
  readonly extension: GuestExtension = {
    version: EXTENSION_VERSION,
    ensure: async (ref) => {
      await findMachine(this.#place, ref);
      return { status: 'unsupported', why: 'a machine of an image host is always off: nothing runs in it' };
    },
  };
  readonly name: string;
  readonly #clock: Clock;
  readonly #place: FolderPlace;
  readonly #runFolder: string;
  readonly #problems: ProblemLog;
  readonly #disks: DiskFolder;
  readonly #lock = new KeyedLock();
  readonly #collections = new Map<string, Promise<Collection>>();

  constructor(options: ImageHostOptions, runFolder: string) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#place = { folder: options.folder, stateFolder: options.stateFolder, diskRoots: options.diskRoots ?? [] };
    this.#runFolder = runFolder;
    this.#problems = new ProblemLog(options.name, options.log ?? silentLogger);
    this.#disks = new DiskFolder(options.stateFolder);
  }

  async list(): Promise<{ machines: readonly Machine[]; problems: readonly string[] }> {
    const described = await readMachines(this.#place);
    const machines: Machine[] = [];
    const problems = described.problems.map((problem) => problem.message);
    for (const description of described.machines.values()) {
      try {
        machines.push(await this.#view(description));
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        problems.push(`${description.name}: ${error.message}`);
      }
    }
    this.#problems.note(problems);
    return { machines, problems };
  }

  async find(ref: MachineRef): Promise<Machine> {
    return this.#view(await findMachine(this.#place, ref));
  }

  snapshot(ref: MachineRef, request: SnapshotRequest): Promise<Snapshot> {
    return this.#lock.run(machineKey(ref), async () => {
      const description = await findMachine(this.#place, ref);
      const machine = await this.#view(description);
      const collection = await this.#collection(ref);
      checkSnapshotId(
        request.id,
        collection.all.map(({ snapshot }) => snapshot.id),
      );
      const wanted = chooseDisks(description.disks, request.luns);
      try {
        const takenAt = this.#clock.now();
        const infos: SnapshotDiskInfo[] = [];
        const stored: StoredDisk[] = [];
        for (const disk of wanted) {
          const seen = machine.disks.find((candidate) => candidate.lun === disk.lun)!;
          const file = `${request.id}.${disk.lun === -1 ? 'os' : disk.lun}.${seen.format}`;
          const header = await copyImage(disk.path, collection.path(file), seen, request.signal);
          const diskId = `${description.vmId}/${disk.lun}/${disk.name}`;
          infos.push({
            lun: disk.lun,
            name: disk.name,
            sizeBytes: header.sizeBytes,
            diskId,
            taken: { kind: 'whole', why: WHY_WHOLE },
          });
          stored.push({ lun: disk.lun, file, format: header.format, flat: header.flat });
          request.onProgress?.({
            bytesDone: sum(infos),
            bytesTotal: sum(machine.disks.filter(({ lun }) => wanted.some((one) => one.lun === lun))),
          });
        }
        const snapshot: Snapshot = {
          id: request.id,
          takenAt,
          consistency: 'crash',
          consistencyReason: 'the machine is powered off',
          frozenMs: 0,
          disks: infos,
          machine,
        };
        await collection.update((all) => [...all, { snapshot, disks: stored }]);
        return snapshot;
      } finally {
        await settle(collection);
      }
    });
  }

  async snapshots(ref: MachineRef): Promise<readonly Snapshot[]> {
    return (await this.#collection(ref)).live.map((entry) => entry.snapshot);
  }

  async openDisk(ref: MachineRef, snapshotId: string, lun: number, signal?: AbortSignal): Promise<SnapshotDisk> {
    const collection = await this.#collection(ref);
    const entry = collection.live.find(({ snapshot }) => snapshot.id === snapshotId);
    if (!entry?.disks.some((disk) => disk.lun === lun)) throw snapshotNotFound(ref, snapshotId, lun);
    return openStoredDisk(collection, entry, lun, this.#runFolder, signal, async () => {
      if (!this.#lock.isHeld(machineKey(ref))) await this.#lock.run(machineKey(ref), () => settle(collection));
    });
  }

  deleteSnapshot(ref: MachineRef, snapshotId: string): Promise<void> {
    return this.#lock.run(machineKey(ref), async () => {
      const collection = await this.#collection(ref);
      await collection.update((all) => all.filter(({ snapshot }) => snapshot.id !== snapshotId));
      await settle(collection);
    });
  }

  reconcile(ref: MachineRef): Promise<readonly string[]> {
    return this.#lock.run(machineKey(ref), async () => {
      const strays = await (await this.#collection(ref)).removeStrays();
      const disks = await this.#disks.removeUncommitted(ref);
      return [
        ...strays.map((file) => `removed the unfinished copy ${file}`),
        ...disks.map((path) => `removed the unfinished disk ${path}`),
      ];
    });
  }

  createDisk(ref: MachineRef, disk: NewDisk): Promise<DiskTarget> {
    return this.#disks.create(ref, disk);
  }

  async create(spec: MachineSpec): Promise<Machine> {
    await this.#lock.run(machineKey(spec), () => writeDescription(this.#place, { ...spec, vmId: randomUUID() }));
    return this.find(spec);
  }

  async start(ref: MachineRef): Promise<void> {
    throw await this.#noPower(ref);
  }

  async stop(ref: MachineRef): Promise<void> {
    throw await this.#noPower(ref);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #noPower(ref: MachineRef): Promise<CodedError> {
    await findMachine(this.#place, ref);
    return new CodedError(
      'UserErrorVmNotInDesirableState',
      `${ref.name} is on host ${this.name} of kind image, whose machines are always off`,
      {
        target: ref.name,
      },
    );
  }

  async #view(description: DescribedMachine): Promise<Machine> {
    const disks: Disk[] = [];
    for (const { lun, name, path, format } of description.disks) {
      const header = await readImageHeader(path, format);
      disks.push({ lun, name, sizeBytes: header.sizeBytes, format: header.format });
    }
    const { name, resourceGroup, location, tags, vmId, osType } = description;
    return {
      host: this.name,
      name,
      resourceGroup,
      location,
      tags,
      vmId,
      powerState: 'stopped',
      osType,
      agent: { status: 'notReady' },
      disks,
    };
  }

  #collection(ref: MachineRef): Promise<Collection> {
    const key = machineKey(ref);
    const open = this.#collections.get(key) ?? Collection.open(machineStateFolder(this.#place.stateFolder, ref));
    this.#collections.set(key, open);
    return open;
  }
}

/** Removes what the catalogue does not name, unless somebody may be reading it still: the last reader comes back here. */
const settle = async (collection: Collection): Promise<void> => {
  if (!collection.hasReaders) await collection.removeStrays();
};

const sum = (disks: readonly { readonly sizeBytes: number }[]): number =>
  disks.reduce((total, disk) => total + disk.sizeBytes, 0);
