import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { KeyedLock } from '../lib/keyedLock.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { unlessAborted } from '../lib/unlessAborted.ts';
import { Collection } from './collection/collection.ts';
import { settle } from './collection/settle.ts';
import { openStoredDisk } from './collection/storedDisk.ts';
import { type DescribedMachine, findMachine, machineStateFolder, readMachines } from './description/folder.ts';
import type { FolderPlace } from './description/place.ts';
import { ProblemLog } from './description/problemLog.ts';
import { writeDescription } from './description/write.ts';
import { EXTENSION_VERSION } from './extension/program.ts';
import type { ImageHostOptions } from './imageHost.ts';
import type {
  DiskTarget,
  ExtensionState,
  GuestExtension,
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
import type { AgentView } from './qemu/agentProbe.ts';
import { describedDisks } from './qemu/describedDisks.ts';
import { ensureExtension } from './qemu/ensureExtension.ts';
import { QemuKeeper } from './qemu/keeper.ts';
import { MachineHandle } from './qemu/machineHandle.ts';
import { managedMachine, notRunning } from './qemu/notRunning.ts';
import { QemuSilent, withTimeout } from './qemu/qmp.ts';
import { reconcileMachine } from './qemu/reconcile.ts';
import { managedSockets } from './qemu/sockets.ts';
import { takeSnapshot } from './qemu/takeSnapshot.ts';
import { DiskFolder } from './tools/diskFile.ts';
import { openRunFolder } from './tools/runFolder.ts';

export interface QemuHostOptions extends ImageHostOptions {
  /** Boot and memory of machines that `create` makes. */
  readonly newMachine?: {
    readonly accelerator?: 'tcg' | 'kvm';
    readonly memoryMiB?: number;
    readonly kernel?: string;
    readonly initrd?: string;
    readonly append?: string;
  };
  /** How long a machine's QEMU and agent may take to answer `list` and `find`; 5000 by default. */
  readonly answerTimeoutMs?: number;
  /** A guest that hears nothing for so long after its pre script runs its post script itself; 90 by default. */
  readonly postScriptGraceSeconds?: number;
}

const ANSWER_TIMEOUT_MS = 5_000;
/** Longer than the longest cut, thaw included. */
const POST_SCRIPT_GRACE_SECONDS = 90;

/** QEMU guests, reached through the monitor and the guest agent: started by us from a folder of descriptions, or by others. */
export const openQemuHost = async (options: QemuHostOptions): Promise<MachineHost> =>
  new QemuHost(options, await openRunFolder(options.stateFolder));

class QemuHost implements MachineHost {
  readonly kind = 'qemu';
  readonly name: string;
  readonly extension: GuestExtension;
  readonly keeper: QemuKeeper;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #place: FolderPlace;
  readonly #runFolder: string;
  readonly #problems: ProblemLog;
  readonly #newMachine: QemuHostOptions['newMachine'];
  readonly #answerTimeoutMs: number;
  readonly #graceSeconds: number;
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
    this.#problems = new ProblemLog(options.name, options.log ?? silentLogger);
    this.#newMachine = options.newMachine;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    this.#graceSeconds = options.postScriptGraceSeconds ?? POST_SCRIPT_GRACE_SECONDS;
    this.#disks = new DiskFolder(options.stateFolder);
    const handleOf = (machine: DescribedMachine) => this.#handle(machine);
    this.keeper = new QemuKeeper({
      place: this.#place,
      clock: this.#clock,
      lock: this.#lock,
      handleOf,
      host: this,
      accelerator: options.newMachine?.accelerator ?? 'tcg',
    });
    this.extension = { version: EXTENSION_VERSION, ensure: (ref, signal) => this.#ensureExtension(ref, signal) };
  }

  async list(signal?: AbortSignal): Promise<{ machines: readonly Machine[]; problems: readonly string[] }> {
    const described = await readMachines(this.#place);
    const problems = described.problems.map((problem) => problem.message);
    const views = [...described.machines.values()].map(async (machine) => {
      try {
        return [await this.#viewInTime(machine, signal)];
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        problems.push(`${machine.name}: ${error.message}`);
        return [];
      }
    });
    const machines = (await Promise.all(views)).flat();
    this.#problems.note(problems);
    return { machines, problems };
  }

  async find(ref: MachineRef, signal?: AbortSignal): Promise<Machine> {
    return this.#viewInTime(await findMachine(this.#place, ref), signal);
  }

  snapshot(ref: MachineRef, request: SnapshotRequest): Promise<Snapshot> {
    return this.#lock.run(machineKey(ref), async () => {
      const machine = await findMachine(this.#place, ref);
      const [handle, collection] = [await this.#handle(machine), await this.#collection(ref)];
      if (machine.qemu.qmpSocket !== undefined && (await handle.status(request.signal)) === undefined)
        throw notRunning(machine);
      const { qmp: qmpSocket, agent } = handle.sockets;
      const agentSocket = machine.qemu.qmpSocket === undefined ? agent : machine.qemu.agentSocket;
      const take = async () => {
        const view = await this.#view(machine);
        const reached = { link: handle.link, agent: handle.agent, qmpSocket, agentSocket };
        const tools = { clock: this.#clock, log: this.#log, graceSeconds: this.#graceSeconds };
        return takeSnapshot({ machine, collection, view, ...reached, ...tools }, request);
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
    const machine = await managedMachine(this.#place, ref, 'started');
    await (await this.#handle(machine)).start(machine);
  }

  async stop(
    ref: MachineRef,
    options: { readonly graceful?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const machine = await managedMachine(this.#place, ref, 'stopped');
    await (await this.#handle(machine)).stop(options.graceful ?? false, options.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #ensureExtension(ref: MachineRef, signal?: AbortSignal): Promise<ExtensionState> {
    const machine = await findMachine(this.#place, ref);
    const key = machineKey(ref);
    if (this.#lock.isHeld(key)) return { status: 'busy' };
    return this.#lock.run(key, async () => ensureExtension(machine, await this.#handle(machine), this.#clock, signal));
  }

  /** Errors: HostUnavailable when its QEMU does not answer in time. */
  async #viewInTime(machine: DescribedMachine, signal?: AbortSignal): Promise<Machine> {
    const seconds = this.#answerTimeoutMs / 1000;
    try {
      return await this.#view(machine, withTimeout(this.#answerTimeoutMs, signal));
    } catch (error) {
      if (signal?.aborted || !(error instanceof DOMException)) throw error;
      throw new QemuSilent(
        `QEMU does not answer in ${seconds} s: it hangs, or another client holds its monitor`,
        error,
      );
    }
  }

  async #view(machine: DescribedMachine, signal?: AbortSignal): Promise<Machine> {
    const handle = await this.#handle(machine);
    const powerState = await handle.powerState(signal);
    const [{ agent, ...system }, disks] = await Promise.all([
      this.#agentView(handle, powerState === 'running', signal),
      describedDisks(machine, handle, powerState, signal),
    ]);
    const { name, resourceGroup, location, tags, vmId, osType } = machine;
    return { host: this.name, name, resourceGroup, location, tags, vmId, powerState, osType, agent, ...system, disks };
  }

  /** The agent's channel has one client: while a snapshot is being cut it is not ours. */
  async #agentView({ link, probe }: MachineHandle, running: boolean, signal?: AbortSignal): Promise<AgentView> {
    if (!running) return { agent: { status: 'notReady' } };
    if (link.isLent) return probe.last;
    // A look never fails: it is the time that is up, and the machine is told of without its agent.
    return unlessAborted(probe.look(), signal).catch(() => probe.last);
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
