import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { consistencyOf } from './fake/consistency.ts';
import { copyDiskFile } from './fake/copyDiskFile.ts';
import { fakeExtension } from './fake/extension.ts';
import { type FakeDisk, type FakeMachine, newFakeDisk } from './fake/fakeDisk.ts';
import { FaultScript } from './fake/faultScript.ts';
import { fakeKeeper } from './fake/keeper.ts';
import { type FrozenDisk, openFrozenDisk, whyNotFrom } from './fake/snapshotDisk.ts';
import type {
  DiskTarget,
  ExtensionState,
  GuestExtension,
  KeptMachineSpec,
  Machine,
  MachineHost,
  MachineKeeper,
  MachineRef,
  MachineSpec,
  NewDisk,
  PowerState,
  ScriptsResult,
  Snapshot,
  SnapshotDisk,
  SnapshotDiskInfo,
  SnapshotRequest,
} from './machine.ts';
import { checkSnapshotId, chooseDisks, machineKey, machineNotFound, snapshotNotFound } from './machineRef.ts';
import { createDiskFile } from './tools/diskFile.ts';

export interface FakeMachineSpec {
  readonly name: string;
  readonly resourceGroup: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly osType?: 'Linux' | 'Windows';
  readonly powerState?: PowerState;
  readonly disks: readonly { readonly lun: number; readonly name: string; readonly sizeBytes: number }[];
}

interface FakeSnapshot {
  readonly snapshot: Snapshot;
  readonly disks: readonly FrozenDisk[];
}

/**
 * A host in memory for tests: what it does depends on its calls alone. Disk bytes lie in files of `folder`.
 * Faults are scripted through `faults`, `agentFault`, `problems`, `dropTracking`, `removeMachine`.
 */
export class FakeHost implements MachineHost {
  readonly kind = 'fake';
  readonly name: string;
  readonly faults = new FaultScript();
  /** Descriptions that `list` cannot read, as `problems`. */
  readonly problems: string[] = [];
  /** Set to make every snapshot crash-consistent with this reason; undefined: the agent freezes. */
  agentFault: string | undefined;
  /** What the guest's scripts come to in every snapshot that asks the agent; undefined: the guest has none. */
  scripts: ScriptsResult | undefined;
  /** Set to make the extension stand so on every running machine; undefined: it can be installed. */
  extensionFault: ExtensionState | undefined;
  readonly extension: GuestExtension = fakeExtension(this);
  /** How the machines that `keeper` made were asked for, by group and name in small letters. */
  readonly specs = new Map<string, KeptMachineSpec>();
  readonly keeper: MachineKeeper;
  /** Disks opened and not yet disposed. */
  openDisks = 0;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #machines = new Map<string, FakeMachine>();
  readonly #snapshots = new Map<string, FakeSnapshot[]>();
  #fileNumber = 0;

  constructor(options: { readonly name?: string; readonly folder: string; readonly clock: Clock }) {
    this.name = options.name ?? 'fake';
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.keeper = fakeKeeper(this, this.#folder, this.#machines);
  }

  /** Adds a machine with empty disks; replaces one of the same name, which then has another vmId. */
  async addMachine(spec: FakeMachineSpec): Promise<Machine> {
    const disks: FakeDisk[] = [];
    for (const disk of spec.disks) disks.push(await newFakeDisk(this.#folder, `disk-${this.#fileNumber++}.raw`, disk));
    const machine: Machine = {
      host: this.name,
      name: spec.name,
      resourceGroup: spec.resourceGroup,
      location: spec.location ?? 'westeurope',
      tags: spec.tags ?? {},
      vmId: randomUUID(),
      powerState: spec.powerState ?? 'running',
      osType: spec.osType ?? 'Linux',
      agent:
        spec.powerState && spec.powerState !== 'running' ? { status: 'notReady' } : { status: 'ready', version: '1.0' },
      disks: [],
    };
    this.#machines.set(machineKey(spec), { machine, disks });
    return this.#view(machineKey(spec));
  }

  removeMachine(ref: MachineRef): void {
    this.#machines.delete(machineKey(ref));
  }

  /** The guest writes; change tracking sees it. */
  async write(ref: MachineRef, lun: number, offset: number, bytes: Uint8Array): Promise<void> {
    const disk = this.#disk(ref, lun);
    if (offset + bytes.length > disk.sizeBytes) throw new Error(`write beyond the end of ${disk.name}`);
    await using file = await open(disk.path, 'r+');
    await file.write(bytes, 0, bytes.length, offset);
    disk.writes.push({ offset, length: bytes.length });
  }

  /** Path of the file that holds a disk's bytes as they are now. */
  diskPath(ref: MachineRef, lun: number): string {
    return this.#disk(ref, lun).path;
  }

  async resize(ref: MachineRef, lun: number, sizeBytes: number): Promise<void> {
    const disk = this.#disk(ref, lun);
    await using file = await open(disk.path, 'r+');
    await file.truncate(sizeBytes);
    this.#replaceDisk(ref, { ...disk, sizeBytes });
  }

  /** The disk forgets what changed, as a raw disk does at a restart: the next snapshot is taken whole. */
  dropTracking(ref: MachineRef, lun: number): void {
    this.#replaceDisk(ref, { ...this.#disk(ref, lun), writes: [] });
  }

  async list(signal?: AbortSignal): Promise<{ machines: readonly Machine[]; problems: readonly string[] }> {
    await this.faults.enter('list', undefined, signal);
    return { machines: [...this.#machines.keys()].map((key) => this.#view(key)), problems: [...this.problems] };
  }

  async find(ref: MachineRef, signal?: AbortSignal): Promise<Machine> {
    await this.faults.enter('find', ref, signal);
    this.#machine(ref);
    return this.#view(machineKey(ref));
  }

  async snapshot(ref: MachineRef, request: SnapshotRequest): Promise<Snapshot> {
    await this.faults.enter('snapshot', ref, request.signal);
    const { machine, disks } = this.#machine(ref);
    const wanted = chooseDisks(disks, request.luns);
    checkSnapshotId(
      request.id,
      this.#collection(ref).map(({ snapshot }) => snapshot.id),
    );
    const earlier = this.#collection(ref).at(-1);
    const taken: SnapshotDiskInfo[] = [];
    const frozen: FrozenDisk[] = [];
    for (const disk of wanted) {
      const path = join(this.#folder, `snapshot-${request.id}-${this.#fileNumber++}.raw`);
      const writesSeen = disk.writes.length; // one that comes while it is copied counts as later
      await copyDiskFile(disk.path, path);
      const base = earlier?.disks.find((other) => other.lun === disk.lun);
      const { lun, name, sizeBytes, diskId } = disk;
      const why = whyNotFrom(base, disk);
      taken.push({
        lun,
        name,
        sizeBytes,
        diskId,
        taken: why === undefined ? INCREMENTAL : { kind: 'whole' as const, why },
      });
      frozen.push({ ...disk, path, writesSeen });
      request.onProgress?.({ bytesDone: frozen.length, bytesTotal: wanted.length });
    }
    const snapshot: Snapshot = {
      id: request.id,
      takenAt: this.#clock.now(),
      ...consistencyOf(machine, request, this.agentFault, this.scripts),
      disks: taken,
      machine: this.#view(machineKey(ref)),
    };
    this.#snapshots.set(machineKey(ref), [...this.#collection(ref), { snapshot, disks: frozen }]);
    return snapshot;
  }

  async snapshots(ref: MachineRef): Promise<readonly Snapshot[]> {
    await this.faults.enter('snapshots', ref);
    return this.#collection(ref).map((entry) => entry.snapshot);
  }

  async openDisk(ref: MachineRef, snapshotId: string, lun: number, signal?: AbortSignal): Promise<SnapshotDisk> {
    await this.faults.enter('openDisk', ref, signal);
    const disk = this.#frozen(ref, snapshotId, lun);
    if (!disk) throw snapshotNotFound(ref, snapshotId, lun);
    this.openDisks++;
    return openFrozenDisk(
      disk,
      (baseId) => this.#frozen(ref, baseId, lun),
      () => {
        this.openDisks--;
      },
    );
  }

  async deleteSnapshot(ref: MachineRef, snapshotId: string): Promise<void> {
    await this.faults.enter('deleteSnapshot', ref);
    const all = this.#collection(ref);
    const gone = all.find((entry) => entry.snapshot.id === snapshotId);
    this.#snapshots.set(
      machineKey(ref),
      all.filter((entry) => entry !== gone),
    );
    for (const disk of gone?.disks ?? []) await rm(disk.path, { force: true });
  }

  async reconcile(ref: MachineRef): Promise<readonly string[]> {
    await this.faults.enter('reconcile', ref);
    return [];
  }

  async createDisk(ref: MachineRef, disk: NewDisk): Promise<DiskTarget> {
    await this.faults.enter('createDisk', ref);
    return createDiskFile(this.#folder, `restored-${this.#fileNumber++}-${disk.name}.raw`, disk.sizeBytes);
  }

  async create(spec: MachineSpec): Promise<Machine> {
    await this.faults.enter('create', spec);
    if (this.#machines.has(machineKey(spec)))
      throw new CodedError('Conflict', `machine ${spec.name} exists already in ${spec.resourceGroup}`, {
        target: spec.name,
      });
    const disks: FakeDisk[] = [];
    for (const { lun, name, path } of spec.disks) {
      await using file = await open(path, 'r');
      const { size } = await file.stat();
      disks.push({ lun, name, path, sizeBytes: size, format: 'raw', diskId: randomUUID(), writes: [] });
    }
    const { resourceGroup, name, location, tags, osType } = spec;
    const machine: Machine = {
      host: this.name,
      ...{ resourceGroup, name, location, tags, osType },
      vmId: 'vmId' in spec ? String(spec.vmId) : randomUUID(),
      powerState: 'stopped',
      agent: { status: 'notReady' },
      disks: [],
    };
    this.#machines.set(machineKey(spec), { machine, disks });
    return this.#view(machineKey(spec));
  }

  async start(ref: MachineRef, signal?: AbortSignal): Promise<void> {
    await this.faults.enter('start', ref, signal);
    const entry = this.#machine(ref);
    entry.machine = { ...entry.machine, powerState: 'running', agent: { status: 'ready', version: '1.0' } };
  }

  async stop(ref: MachineRef, options: { graceful?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    await this.faults.enter('stop', ref, options.signal);
    const entry = this.#machine(ref);
    entry.machine = { ...entry.machine, powerState: 'stopped', agent: { status: 'notReady' } };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #replaceDisk(ref: MachineRef, disk: FakeDisk): void {
    const entry = this.#machine(ref);
    entry.disks = entry.disks.map((other) => (other.lun === disk.lun ? disk : other));
  }

  #machine(ref: MachineRef): FakeMachine {
    const found = this.#machines.get(machineKey(ref));
    if (!found) throw machineNotFound(ref);
    return found;
  }

  #disk(ref: MachineRef, lun: number): FakeDisk {
    const disk = this.#machine(ref).disks.find((candidate) => candidate.lun === lun);
    if (!disk) throw new Error(`machine ${ref.name} has no disk at LUN ${lun}`);
    return disk;
  }

  #collection(ref: MachineRef): readonly FakeSnapshot[] {
    return this.#snapshots.get(machineKey(ref)) ?? [];
  }

  #frozen(ref: MachineRef, snapshotId: string, lun: number): FrozenDisk | undefined {
    const entry = this.#collection(ref).find(({ snapshot }) => snapshot.id === snapshotId);
    return entry?.disks.find((disk) => disk.lun === lun);
  }

  #view(key: string): Machine {
    const entry = this.#machines.get(key)!;
    return {
      ...entry.machine,
      disks: entry.disks.map(({ lun, name, sizeBytes, format }) => ({ lun, name, sizeBytes, format })),
    };
  }
}

const INCREMENTAL = { kind: 'incremental' } as const;
