import { createHash, randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../db/database.ts';
import { insertItem } from '../db/items.ts';
import { getJob } from '../db/jobs.ts';
import { openDatabase } from '../db/openDatabase.ts';
import { allPoints } from '../db/points.ts';
import { putPolicy } from '../db/policies.ts';
import { insertVault } from '../db/vaults.ts';
import { silentLogger } from '../lib/log.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { FakeHost } from '../machine/fakeHost.ts';
import type { Backend } from '../store/backend.ts';
import { defaultPolicy } from '../vault/defaultPolicies.ts';
import type { HousekeepingOperation, Job } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Policy, PolicyRules } from '../vault/policy.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { StorageRedundancy } from '../vault/vault.ts';
import { newVault } from '../vault/vaultRules.ts';
import { runBackup } from './backup.ts';
import { Hosts, type JobTools } from './context.ts';
import { JobService } from './jobService.ts';
import { runReplicate } from './replicate.ts';
import { runRestore } from './restore.ts';
import { JobRunner } from './runner.ts';
import type { StoragePlaces } from './storagePlaces.ts';
import { VaultStores } from './vaultStores.ts';
import { runVerify } from './verify.ts';

export const BY = { objectId: 'operator-1', name: 'an operator' };
export const MACHINE = { resourceGroup: 'shop', name: 'web-1' };
const MIB = 2 ** 20;

export interface RigOptions {
  /** Around the vault's store. */
  readonly wrap?: (backend: Backend) => Backend;
  /** Folders of the rig, by name of place. */
  readonly places?: Omit<StoragePlaces, 'places'>;
  /** Instead: as an operator configured them. */
  readonly storage?: StoragePlaces;
  /** Threads that read and write disks; 0, which is usual here: none. */
  readonly workers?: number;
  /** What the clock shows at first, ms. */
  readonly startAt?: number;
  /** Around one place of it. */
  readonly wrapPlace?: (place: string, backend: Backend) => Backend;
  readonly redundancy?: StorageRedundancy;
}

/** A vault with one protected machine of two disks on a fake host: real database, real store on disk, turned clock. */
export class VaultRig implements AsyncDisposable {
  readonly folder: string;
  readonly clock: TurnedClock;
  readonly host: FakeHost;
  readonly db: Database;
  readonly tools: JobTools;
  readonly runner: JobRunner;
  /** As in the server, housekeeping has a runner of its own. */
  readonly housekeeper: JobRunner;
  readonly service: JobService;
  readonly item: ProtectedItem;

  readonly #options: RigOptions;
  #isReborn = false;

  private constructor(
    folder: string,
    clock: TurnedClock,
    host: FakeHost,
    db: Database,
    item: ProtectedItem,
    options: RigOptions = {},
  ) {
    this.folder = folder;
    this.clock = clock;
    this.host = host;
    this.db = db;
    this.item = item;
    this.#options = options;
    const at = (name: string) => join(folder, name);
    const { wrap, wrapPlace, places } = options;
    const storage = options.storage ?? (places && { ...places, places: diskPlaces(folder, places) });
    const folders = { stores: at('stores'), keys: at('keys'), cache: at('cache') };
    const stores = new VaultStores(folders, clock, wrap, { db, storage, wrapPlace });
    this.tools = { db, clock, log: silentLogger, hosts: new Hosts([host]), stores, workers: options.workers ?? 0 };
    this.runner = this.newRunner();
    const handlers = { Verify: runVerify, Replicate: runReplicate };
    this.housekeeper = new JobRunner(this.tools, { owner: randomUUID(), handlers, concurrency: 1 });
    this.service = new JobService(this.tools, { wake: () => {}, cancel: (id) => this.runner.cancel(id) });
  }

  static async open(rules: Partial<PolicyRules> = {}, options: RigOptions = {}): Promise<VaultRig> {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-rig-'));
    const clock = new TurnedClock(options.startAt ?? '2026-03-02T09:00:00Z');
    const host = new FakeHost({ folder, clock });
    const machine = await host.addMachine({
      ...MACHINE,
      disks: [
        { lun: -1, name: 'os', sizeBytes: 4 * MIB },
        { lun: 0, name: 'data', sizeBytes: 70 * MIB },
      ],
    });
    const db = await openDatabase({ path: join(folder, 'db.sqlite') });
    const now = clock.now();
    const place = { subscriptionId: randomUUID(), resourceGroup: 'shop', name: 'vault-1', location: 'westeurope' };
    const fresh = newVault({ ...place, id: randomUUID() }, now);
    const vault = { ...fresh, redundancy: options.redundancy ?? fresh.redundancy };
    const base = {
      id: randomUUID(),
      vaultId: vault.id,
      name: 'DefaultPolicy',
      version: 1,
      createdAt: now,
      updatedAt: now,
    };
    const policy: Policy = { ...defaultPolicy(now), ...rules, ...base };
    const item: ProtectedItem = {
      id: randomUUID(),
      vaultId: vault.id,
      host: host.name,
      resourceGroup: MACHINE.resourceGroup,
      vmName: MACHINE.name,
      vmId: machine.vmId,
      sourceResourceId: `/subscriptions/${place.subscriptionId}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web-1`,
      protectionState: 'IRPending',
      policyId: policy.id,
      createdAt: now,
      updatedAt: now,
    };
    await insertVault(db.queries, vault);
    await putPolicy(db.queries, policy);
    await insertItem(db.queries, item);
    const rig = new VaultRig(folder, clock, host, db, item, options);
    await rig.tools.stores.create(vault);
    return rig;
  }

  /**
   * The next process on the same disk, as after a power cut: this rig's runner is dead, its store unreachable.
   * `database`: a file that takes the place of the database meanwhile.
   */
  async reborn(options: RigOptions & { readonly database?: string } = {}): Promise<VaultRig> {
    this.#isReborn = true;
    await this.db[Symbol.asyncDispose]();
    const path = join(this.folder, 'db.sqlite');
    if (options.database !== undefined) await copyFile(options.database, path);
    const db = await openDatabase({ path });
    const { wrap: _wrap, wrapPlace: _wrapPlace, ...kept } = this.#options;
    return new VaultRig(this.folder, this.clock, this.host, db, this.item, { ...kept, ...options });
  }

  /** Another process's runner on the same database. */
  newRunner(): JobRunner {
    const handlers = { Backup: runBackup, Restore: runRestore, CrossRegionRestore: runRestore };
    return new JobRunner(this.tools, { owner: randomUUID(), handlers, concurrency: 4 });
  }

  /** Asks for a backup and runs the queue's next job to its end. */
  async backUp(): Promise<Job> {
    const id = await this.service.requestBackup(this.item.id, { userTriggered: true, by: BY });
    await this.runner.runOne();
    return this.job(id);
  }

  /** Asks for housekeeping of the vault's store and runs it to its end. */
  async housekeep(operation: HousekeepingOperation, parameters: JsonObject = {}): Promise<Job> {
    const vault = { id: this.item.vaultId, name: 'vault-1' };
    const id = await this.service.requestHousekeeping(vault, operation, { parameters, by: BY });
    await this.housekeeper.runOne();
    return this.job(id);
  }

  async job(id: string): Promise<Job> {
    return (await getJob(this.db.queries, id))!;
  }

  /** Newest first. */
  points(): Promise<readonly RecoveryPoint[]> {
    return allPoints(this.db.queries, this.item.id);
  }

  /** Restores a point to a new folder; SHA-256 of each disk by LUN. */
  async restore(point: RecoveryPoint): Promise<{ readonly job: Job; readonly hashes: ReadonlyMap<number, string> }> {
    const folder = join(this.folder, `restored-${randomUUID()}`);
    const id = await this.service.requestRestore(this.item.id, point.id, { kind: 'folder', folder }, BY);
    await this.runner.runOne();
    const hashes = new Map<number, string>();
    const job = await this.job(id);
    if (job.status === 'Completed')
      for (const { lun } of point.disks)
        hashes.set(lun, await hashOf(join(folder, `${MACHINE.name}-${lun === -1 ? 'os' : lun}.raw`)));
    return { job, hashes };
  }

  /** SHA-256 of each of the machine's disks as they are now. */
  async diskHashes(): Promise<ReadonlyMap<number, string>> {
    return new Map([
      [-1, await hashOf(this.host.diskPath(MACHINE, -1))],
      [0, await hashOf(this.host.diskPath(MACHINE, 0))],
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isReborn) return;
    await this.db[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Each place of these is a folder of the rig. */
const diskPlaces = (folder: string, { local, zones, secondary }: Omit<StoragePlaces, 'places'>) =>
  new Map(
    [...local, ...zones, ...secondary].map((name) => {
      return [name, { kind: 'disk', name, lock: false, folder: join(folder, 'places', name) }] as const;
    }),
  );

const hashOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
