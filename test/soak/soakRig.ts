import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../../bench/random.ts';
import { insertItem, listItems } from '../../src/db/items.ts';
import { openDatabase } from '../../src/db/openDatabase.ts';
import { putPolicy } from '../../src/db/policies.ts';
import { insertVault } from '../../src/db/vaults.ts';
import type { StoragePlaces } from '../../src/jobs/storagePlaces.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { TurnedClock } from '../../src/lib/turnedClock.ts';
import type { MachineRef } from '../../src/machine/machine.ts';
import { defaultPolicy } from '../../src/vault/defaultPolicies.ts';
import type { ProtectedItem } from '../../src/vault/protectedItem.ts';
import type { StorageRedundancy } from '../../src/vault/vault.ts';
import { newVault } from '../../src/vault/vaultRules.ts';
import { Power } from './power.ts';
import { Recorder } from './recorder.ts';
import { fakeMachines, imageMachines, type SoakMachines } from './soakMachines.ts';
import { SoakProcess, type Wraps } from './soakProcess.ts';

const MIB = 2 ** 20;
const GROUP = 'orchard';

export interface RigOptions {
  readonly machines?: number;
  /** Size of each machine's data disk; above 64 MiB its tree has inner nodes. */
  readonly dataBytes?: number;
  readonly random: Random;
  /** Absent: one place. Zone-redundant: zone-a, zone-b, zone-c; geo-redundant: local, and far as the secondary. */
  readonly redundancy?: StorageRedundancy;
  /** Machines whose snapshots outlive this process, so that others can go on with them. */
  readonly onImages?: boolean;
}

type Own = Pick<SoakRig, 'folder' | 'clock' | 'machines' | 'items' | 'vaultId' | 'recorder' | 'storage'> & {
  readonly hostClock?: HostClock;
};

/** A vault with several machines, and what outlives every process that works on it. */
export class SoakRig implements AsyncDisposable {
  readonly folder: string;
  readonly clock: TurnedClock;
  readonly machines: SoakMachines;
  readonly recorder: Recorder;
  readonly items: readonly ProtectedItem[];
  readonly vaultId: string;
  readonly random: Random;
  readonly dataBytes: number;
  readonly storage: StoragePlaces;
  readonly #hostClock: HostClock | undefined;
  #process: SoakProcess | undefined;
  #copies = 0;

  private constructor(options: RigOptions, own: Own) {
    this.folder = own.folder;
    this.clock = own.clock;
    this.machines = own.machines;
    this.items = own.items;
    this.vaultId = own.vaultId;
    this.recorder = own.recorder;
    this.storage = own.storage;
    this.#hostClock = own.hostClock;
    this.random = options.random;
    this.dataBytes = options.dataBytes ?? 2 * MIB;
  }

  static async open(options: RigOptions): Promise<SoakRig> {
    const { machines: count = 1, dataBytes = 2 * MIB } = options;
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-soak-'));
    const clock = new TurnedClock('2026-03-02T09:00:00Z');
    const hostClock = new HostClock(clock);
    const machines = options.onImages ? await imageMachines(folder, clock) : fakeMachines(folder, hostClock);
    await using db = await openDatabase({ path: join(folder, 'db.sqlite') });
    const now = clock.now();
    const place = { subscriptionId: randomUUID(), resourceGroup: GROUP, name: 'vault-1', location: 'westeurope' };
    const { redundancy = 'LocallyRedundant' } = options;
    const vault = { ...newVault({ ...place, id: randomUUID() }, now), redundancy };
    await insertVault(db.queries, vault);
    const base = {
      id: randomUUID(),
      vaultId: vault.id,
      name: 'DefaultPolicy',
      version: 1,
      createdAt: now,
      updatedAt: now,
    };
    await putPolicy(db.queries, { ...defaultPolicy(now), ...base });
    const items: ProtectedItem[] = [];
    for (let index = 0; index < count; index++) {
      const vmName = `press-${index}`;
      const machine = await machines.add({
        ...{ resourceGroup: GROUP, name: vmName },
        disks: [
          { lun: -1, name: 'os', sizeBytes: MIB + 4096 },
          { lun: 0, name: 'data', sizeBytes: dataBytes },
        ],
      });
      const item: ProtectedItem = {
        ...{
          id: randomUUID(),
          vaultId: vault.id,
          host: machines.host.name,
          resourceGroup: GROUP,
          vmName,
          vmId: machine.vmId,
        },
        sourceResourceId: `/subscriptions/${place.subscriptionId}/resourceGroups/${GROUP}/providers/Microsoft.Compute/virtualMachines/${vmName}`,
        ...{ protectionState: 'IRPending', policyId: base.id, createdAt: now, updatedAt: now },
      };
      await insertItem(db.queries, item);
      items.push(item);
    }
    const rig = new SoakRig(options, {
      folder,
      clock,
      machines,
      items,
      vaultId: vault.id,
      recorder: new Recorder(),
      storage: storageIn(folder, redundancy),
      hostClock,
    });
    await using first = await rig.start();
    await first.tools.stores.create(vault);
    return rig;
  }

  /** The rig that another process made in that folder, on images. */
  static async reopen(folder: string, options: { readonly now: number; readonly random: Random }): Promise<SoakRig> {
    const clock = new TurnedClock(options.now);
    await using db = await openDatabase({ path: join(folder, 'db.sqlite') });
    const items = await listItems(db.queries);
    const dataBytes = statSync(join(folder, 'machines', `${items[0]!.vmName}-0.raw`)).size;
    return new SoakRig(
      { random: options.random, dataBytes },
      {
        ...{ folder, clock, items, vaultId: items[0]!.vaultId, recorder: new Recorder() },
        ...{ machines: await imageMachines(folder, clock), storage: storageIn(folder, 'LocallyRedundant') },
      },
    );
  }

  /** The next process on the same files; the one before must be dead. */
  async start(options: { readonly power?: Power; readonly wraps?: Wraps } = {}): Promise<SoakProcess> {
    this.#hostClock?.follow(this.clock);
    this.#process = await SoakProcess.start(this, options.power ?? new Power([]), options.wraps ?? {});
    return this.#process;
  }

  /** A server's files as they are now, with a time of their own; the machines are the same. One rig at a time is used. */
  async copy(random: Random): Promise<SoakRig> {
    await this.#process?.[Symbol.asyncDispose]();
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-soak-'));
    await cp(this.folder, folder, { recursive: true, filter: (path) => !path.endsWith('.raw') }); // the machines' disks
    // a point's id is its time with three drawn digits: two copies of one moment could take each other's snapshots
    return this.fork(folder, { clock: new TurnedClock(this.clock.now() + 1000 * ++this.#copies), random });
  }

  /** The same machines and promises, seen by a server on other files; it takes nothing away from the machines. */
  fork(folder: string, own: { readonly clock?: TurnedClock; readonly random?: Random } = {}): SoakRig {
    const { items, vaultId, dataBytes } = this;
    const { clock = this.clock, random = this.random } = own;
    const storage = own.clock ? movedTo(folder, this.folder, this.storage) : this.storage;
    const deleteSnapshot = async (): Promise<void> => {};
    const host = new Proxy(this.machines.host, {
      get: (target, key) => {
        if (key === 'deleteSnapshot') return deleteSnapshot;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return new SoakRig(
      { random, dataBytes },
      {
        ...{ folder, clock, items, vaultId, storage, recorder: this.recorder.fork() },
        machines: { ...this.machines, host },
        ...(this.#hostClock && { hostClock: this.#hostClock }),
      },
    );
  }

  get databasePath(): string {
    return join(this.folder, 'db.sqlite');
  }

  /** The vault's folder in a place. */
  storeFolder(place = this.places[0]!): string {
    const { folder } = this.storage.places.get(place) as { readonly folder: string };
    return join(folder, this.vaultId);
  }

  get storeFolders(): readonly string[] {
    return this.places.map((place) => this.storeFolder(place));
  }

  get places(): readonly string[] {
    return [...this.storage.places.keys()];
  }

  refOf({ resourceGroup, vmName }: ProtectedItem): MachineRef {
    return { resourceGroup, name: vmName };
  }

  /** The guest writes: fresh bytes, text, a copy of what stands elsewhere, zeros. Deterministic for a seed. */
  async write(item: ProtectedItem, times = 3): Promise<void> {
    for (let time = 0; time < times; time++) {
      const bytes = new Uint8Array(4096 * (1 + this.random.below(24)));
      const what = this.random.below(5);
      if (what < 2) this.random.fill(bytes);
      else if (what === 2) this.random.fillWithText(bytes);
      else if (what === 3) bytes.fill(1 + this.random.below(3)); // the same chunks on several machines
      const [lun, size] = this.random.below(4) === 0 ? [-1, MIB + 4096] : [0, this.dataBytes];
      const offset = 512 * this.random.below(Math.floor((size - bytes.length) / 512));
      await this.machines.write(this.refOf(item), lun, what === 3 ? offset - (offset % 131_072) : offset, bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The time of the machines: that of the server which looks after them now. */
class HostClock implements Clock {
  #of: Clock;

  constructor(of: Clock) {
    this.#of = of;
  }

  follow(clock: Clock): void {
    this.#of = clock;
  }

  now(): number {
    return this.#of.now();
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#of.sleep(delayMs, signal);
  }
}

const movedTo = (folder: string, from: string, storage: StoragePlaces): StoragePlaces => ({
  ...storage,
  places: new Map(
    [...storage.places].map(([name, spec]) => [
      name,
      spec.kind === 'disk' ? { ...spec, folder: spec.folder.replace(from, folder) } : spec,
    ]),
  ),
});

const ZONES = ['zone-a', 'zone-b', 'zone-c'];

const storageIn = (folder: string, redundancy: StorageRedundancy): StoragePlaces => {
  const disk = (name: string) =>
    [name, { kind: 'disk' as const, name, lock: false, folder: join(folder, name) }] as const;
  if (redundancy === 'ZoneRedundant')
    return { places: new Map(ZONES.map(disk)), local: [], zones: ZONES, secondary: [] };
  if (redundancy === 'GeoRedundant')
    return { places: new Map([disk('local'), disk('far')]), local: ['local'], zones: [], secondary: ['far'] };
  return { places: new Map([disk('local')]), local: ['local'], zones: [], secondary: [] };
};
