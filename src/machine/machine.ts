import type { Extent } from '../lib/extent.ts';

/**
 * The port of the machine room. Three hosts stand behind it: `qemu` (running guests over QMP and the guest
 * agent), `image` (a folder of powered-off machines) and `fake` (tests). All pass machine.contract.ts.
 */
export type PowerState = 'running' | 'paused' | 'stopped';

export type Consistency = 'application' | 'fileSystem' | 'crash';

export type DiskFormat = 'raw' | 'qcow2' | 'vhd' | 'vhdx' | 'vmdk';

export interface Disk {
  /** -1 is the OS disk, as Azure counts; data disks from 0. */
  readonly lun: number;
  readonly name: string;
  /** Virtual size, bytes. */
  readonly sizeBytes: number;
  readonly format: DiskFormat;
}

export interface AgentState {
  readonly status: 'ready' | 'notReady';
  readonly version?: string;
}

/** What came of the guest's own pre and post script, in Azure's words; `number` as Azure's extension reports it. */
export interface ScriptFailure {
  readonly code: ScriptFailureCode;
  readonly number: number;
  readonly message: string;
}

export type ScriptFailureCode =
  | 'Pre-ScriptExecutionFailed'
  | 'Post-ScriptExecutionFailed'
  | 'Pre-ScriptNotFound'
  | 'Post-ScriptNotFound'
  | 'IncorrectPluginhostFile'
  | 'IncorrectJSONConfigFile'
  | 'InsufficientPermissionforPre-Script'
  | 'InsufficientPermissionforPost-Script'
  | 'Pre-ScriptTimeout'
  | 'Post-ScriptTimeout';

/** The guest's scripts around one snapshot; absent where the guest configures none. */
export interface ScriptsResult {
  readonly succeeded: boolean;
  /** In the order they were met. */
  readonly failures: readonly ScriptFailure[];
}

/** How the guest extension stands in a machine. */
export type ExtensionState =
  | { readonly status: 'installed'; readonly version: string; readonly changed: boolean }
  | { readonly status: 'machineOff' }
  /** Somebody works on the machine: ask again. */
  | { readonly status: 'busy' }
  | { readonly status: 'failed'; readonly why: string; readonly recommendation: string }
  | { readonly status: 'unsupported'; readonly why: string };

/** What runs the guest's pre and post scripts, kept in the guest itself; docs/guest-extension.md. */
export interface GuestExtension {
  /** The version this host installs: 'major.minor'. */
  readonly version: string;
  /** Installs it, or upgrades an older one; nothing happens where it is there. Errors: BCMV2VMNotFound, HostUnavailable. */
  ensure(ref: MachineRef, signal?: AbortSignal): Promise<ExtensionState>;
}

export interface Machine {
  /** Name of its host in the server's configuration. */
  readonly host: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Stable for the life of the machine, a UUID: a machine re-created under the same name has another one. */
  readonly vmId: string;
  readonly powerState: PowerState;
  readonly osType: 'Linux' | 'Windows';
  readonly osName?: string;
  readonly osVersion?: string;
  readonly agent: AgentState;
  readonly disks: readonly Disk[];
}

/** A machine's identity on its host: resource group and name, compared without case. */
export interface MachineRef {
  readonly resourceGroup: string;
  readonly name: string;
}

export interface SnapshotRequest {
  /** Id of the snapshot to be; `[a-z0-9]{1,20}`, new for this machine. The caller journals it before it asks. */
  readonly id: string;
  /** LUNs to take; absent: all disks. */
  readonly luns?: readonly number[];
  /** Skip the guest agent altogether. */
  readonly crashConsistentOnly?: boolean;
  /** Why it is to be skipped, in words for the user. */
  readonly crashConsistentReason?: string;
  readonly signal?: AbortSignal;
  /** Called now and then while local copies are made. */
  readonly onProgress?: (progress: { bytesDone: number; bytesTotal: number }) => void;
}

export interface SnapshotDiskInfo {
  readonly lun: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** Stable identity of the disk: changes are never counted from another disk's snapshot. */
  readonly diskId: string;
  /** How the host took it: from its change tracking, or whole, and then why. */
  readonly taken: { readonly kind: 'incremental' } | { readonly kind: 'whole'; readonly why: string };
}

/** A host's frozen view of a machine, in its restore-point collection; complete and usable on its own. */
export interface Snapshot {
  readonly id: string;
  /** When the view was cut, ms since epoch. */
  readonly takenAt: number;
  readonly consistency: Consistency;
  /** Why it is only crash-consistent, in words for the user. */
  readonly consistencyReason?: string;
  /** How long the guest's file systems stood frozen; 0 when they never were. */
  readonly frozenMs: number;
  readonly scripts?: ScriptsResult;
  readonly disks: readonly SnapshotDiskInfo[];
  /** The machine as it was, kept with the point so that it can be made again. */
  readonly machine: Machine;
}

/** Where a worker thread reads a frozen disk's bytes by itself; plain data, so it crosses threads. */
export type ReadAddress =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'nbd'; readonly socketPath: string; readonly exportName: string };

/** What must be read of a disk: only what changed since a base snapshot, or all of it, and then why. */
export type ChangedExtents =
  | { readonly kind: 'changed'; readonly extents: AsyncIterable<Extent> }
  | { readonly kind: 'whole'; readonly why: string; readonly extents: AsyncIterable<Extent> };

/** One disk of a snapshot, opened for reading. Disposing it ends the export behind it. */
export interface SnapshotDisk extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly address: ReadAddress;
  /**
   * Extents in ascending order, without overlap. Whatever is not named is unchanged (`changed`) or zero (`whole`).
   * On any doubt about the base (missing, other disk, other size, chain broken) the answer is `whole`.
   */
  changedSince(baseSnapshotId: string | undefined): Promise<ChangedExtents>;
}

export interface NewDisk {
  readonly lun: number;
  readonly name: string;
  readonly sizeBytes: number;
}

/** A disk that a restore writes. `commit` makes it durable and usable; disposing it uncommitted deletes it. */
export interface DiskTarget extends AsyncDisposable {
  /** The raw file to be written; already `sizeBytes` long and all zero. */
  readonly path: string;
  commit(): Promise<void>;
}

export interface MachineSpec extends MachineRef {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly osType: 'Linux' | 'Windows';
  /** The disks, already written by `createDisk` of the same host. */
  readonly disks: readonly {
    readonly lun: number;
    readonly name: string;
    readonly path: string;
    readonly format: DiskFormat;
  }[];
}

/** A disk image that a host keeps, attached or not. */
export interface KeptDisk {
  readonly path: string;
  readonly format: DiskFormat;
  readonly sizeBytes: number;
}

export interface NewKeptDisk {
  readonly resourceGroup: string;
  readonly name: string;
  /** At least the size of the image it is made of; absent: just that. */
  readonly sizeBytes?: number;
  /** Absent: empty. */
  readonly from?: { readonly path: string; readonly format: DiskFormat };
}

/** A network card: behind a NAT of its own that gives the guest this very address, or on a bridge of the host. */
export type NetworkCard =
  | { readonly mac: string; readonly net: string; readonly address: string }
  | { readonly mac: string; readonly bridge: string };

export interface Hardware {
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** How a machine boots that does not boot from its disk. */
export interface Boot {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly firmware?: string;
}

export interface KeptMachineSpec extends MachineSpec, Hardware {
  readonly vmId: string;
  readonly boot: Boot;
  readonly cards: readonly NetworkCard[];
  /** Files that the guest finds at its first boot, on a volume called cidata (cloud-init's NoCloud). */
  readonly seed?: Readonly<Record<string, string>>;
}

/** What a host can do that makes machines and removes them. Errors of all: OperationNotAllowed for machines run by others. */
/** A disk that was being made when its server ended, if it was begun at all. */
export interface UnfinishedDisk {
  readonly resourceGroup: string;
  readonly name: string;
}

export interface MachineKeeper {
  /** Durable when it resolves. Errors: InvalidParameter (smaller than its image), those of the image; StoreFull. */
  makeDisk(disk: NewKeptDisk, signal?: AbortSignal): Promise<KeptDisk>;
  /** No error when it is not there. */
  removeDisk(disk: KeptDisk): Promise<void>;
  /** Removes what was begun under these names by a process that ended: images that no machine has. None is `kept`. */
  removeUnfinished(disks: readonly UnfinishedDisk[], kept: readonly string[]): Promise<void>;
  /** Powered off. Errors: Conflict. */
  createMachine(spec: KeptMachineSpec): Promise<Machine>;
  /** Whether the machine is ours to change and remove; not when others run it. Errors: BCMV2VMNotFound. */
  manages(ref: MachineRef): Promise<boolean>;
  /** Cuts its power and forgets it; disks and snapshots stay. Errors: BCMV2VMNotFound. */
  deleteMachine(ref: MachineRef): Promise<void>;
  /** At once where the machine runs. Errors: BCMV2VMNotFound, Conflict (the LUN is taken). */
  attachDisk(ref: MachineRef, disk: KeptDisk & { readonly lun: number; readonly name: string }): Promise<void>;
  /** Errors: BCMV2VMNotFound, OperationNotAllowed (the OS disk, or a guest that does not let go). */
  detachDisk(ref: MachineRef, lun: number): Promise<void>;
  /** What is given; hardware counts from the next start on. */
  change(
    ref: MachineRef,
    what: Partial<Hardware> & { readonly tags?: Readonly<Record<string, string>> },
  ): Promise<void>;
}

export interface MachineHost extends AsyncDisposable {
  /** Name in the configuration, unique. */
  readonly name: string;
  readonly kind: 'qemu' | 'image' | 'fake';
  readonly extension: GuestExtension;
  /** Absent on a host that makes no machines but those of restores. */
  readonly keeper?: MachineKeeper;

  /**
   * All machines now. One bad description, or a machine that does not answer in a few seconds, never hides the others:
   * it is reported through `problems`, and the host's log has it when it is new or has changed.
   */
  list(signal?: AbortSignal): Promise<{ readonly machines: readonly Machine[]; readonly problems: readonly string[] }>;

  /** Errors: BCMV2VMNotFound, HostUnavailable when the machine does not answer in a few seconds. */
  find(ref: MachineRef, signal?: AbortSignal): Promise<Machine>;

  /**
   * Takes a consistent view over all disks at one instant. Thaw is always sent; nothing holds the guest frozen
   * over 60 s, not even the death of this process. Either the whole snapshot is durable, or nothing of it is left.
   * The guest's post script runs once whenever its pre script was begun, also when this process dies in between.
   * Errors: BCMV2VMNotFound, SnapshotFailed, HostUnavailable, ImageFormatUnsupported, ImageHeaderInvalid, ToolMissing;
   * a ScriptFailureCode when the guest's scripts failed and it wants no backup then.
   */
  snapshot(ref: MachineRef, request: SnapshotRequest): Promise<Snapshot>;

  /** The restore-point collection of a machine, oldest first; it stays when the machine is gone. */
  snapshots(ref: MachineRef): Promise<readonly Snapshot[]>;

  /** Errors: UserErrorInstantRpNotFound. */
  openDisk(ref: MachineRef, snapshotId: string, lun: number, signal?: AbortSignal): Promise<SnapshotDisk>;

  /** Lets a snapshot go; the others stay complete. No error when it is not there. */
  deleteSnapshot(ref: MachineRef, snapshotId: string): Promise<void>;

  /**
   * Undoes what a dead process left behind on this machine: frozen guest, stopped vCPUs, block jobs, nodes,
   * scratch and partial files, exports. Safe at any time when no snapshot of this machine is under way here.
   * Returns what was undone, in words.
   */
  reconcile(ref: MachineRef): Promise<readonly string[]>;

  createDisk(ref: MachineRef, disk: NewDisk): Promise<DiskTarget>;
  create(spec: MachineSpec): Promise<Machine>;
  start(ref: MachineRef, signal?: AbortSignal): Promise<void>;
  /** `graceful`: asks the guest to shut down and waits; otherwise the power is cut. */
  stop(ref: MachineRef, options?: { readonly graceful?: boolean; readonly signal?: AbortSignal }): Promise<void>;
}
