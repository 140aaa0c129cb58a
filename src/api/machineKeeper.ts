interface Ref {
  readonly resourceGroup: string;
  readonly name: string;
}

type Format = 'raw' | 'qcow2' | 'vhd' | 'vhdx' | 'vmdk';

/** A disk image that a host keeps, attached or not. */
export interface KeptDisk {
  readonly path: string;
  readonly format: Format;
  readonly sizeBytes: number;
}

export interface Boot {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly firmware?: string;
}

export type NetworkCard =
  | { readonly mac: string; readonly net: string; readonly address: string }
  | { readonly mac: string; readonly bridge: string };

export interface KeptMachineSpec extends Ref {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly osType: 'Linux' | 'Windows';
  readonly vmId: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly disks: readonly {
    readonly lun: number;
    readonly name: string;
    readonly path: string;
    readonly format: Format;
  }[];
  readonly boot: Boot;
  readonly cards: readonly NetworkCard[];
  readonly seed?: Readonly<Record<string, string>>;
}

/** What the compute provider asks of a host that makes machines and removes them. */
export interface MachineKeeper {
  makeDisk(
    disk: {
      readonly resourceGroup: string;
      readonly name: string;
      readonly sizeBytes?: number;
      readonly from?: { readonly path: string; readonly format: Format };
    },
    signal?: AbortSignal,
  ): Promise<KeptDisk>;
  removeDisk(disk: KeptDisk): Promise<void>;
  removeUnfinished(disks: readonly Ref[], kept: readonly string[]): Promise<void>;
  createMachine(spec: KeptMachineSpec): Promise<unknown>;
  /** Whether the machine is the host's to change and remove. */
  manages(ref: Ref): Promise<boolean>;
  deleteMachine(ref: Ref): Promise<void>;
  attachDisk(ref: Ref, disk: KeptDisk & { readonly lun: number; readonly name: string }): Promise<void>;
  detachDisk(ref: Ref, lun: number): Promise<void>;
  change(
    ref: Ref,
    what: {
      readonly memoryMiB?: number;
      readonly cpus?: number;
      readonly tags?: Readonly<Record<string, string>>;
    },
  ): Promise<void>;
}

/** An image that machines are made from. */
export interface LocalImage {
  readonly name: string;
  readonly publisher: string;
  readonly offer: string;
  readonly sku: string;
  /** Three numbers: '1.0.0'. */
  readonly version: string;
  readonly osType: 'Linux' | 'Windows';
  readonly path: string;
  readonly format: Format;
  readonly sizeBytes: number;
  readonly boot: Boot;
}

/** The images there are now. */
export interface LocalImages {
  list(): Promise<readonly LocalImage[]>;
}
