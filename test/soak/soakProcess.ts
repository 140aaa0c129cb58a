import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../src/db/database.ts';
import { enqueueHousekeeping } from '../../src/db/housekeeping.ts';
import { endAllLeases, getJob } from '../../src/db/jobs.ts';
import { openDatabase } from '../../src/db/openDatabase.ts';
import { runBackup } from '../../src/jobs/backup.ts';
import { type CollectSettings, collectVault } from '../../src/jobs/collect.ts';
import { Hosts, type JobTools } from '../../src/jobs/context.ts';
import { runCopyCatalogue } from '../../src/jobs/copyCatalogue.ts';
import { newHousekeepingJob } from '../../src/jobs/housekeeping.ts';
import { JobService } from '../../src/jobs/jobService.ts';
import { pruneItem } from '../../src/jobs/prune.ts';
import { runReconcile } from '../../src/jobs/reconcile.ts';
import { recoverCommits } from '../../src/jobs/recoverCommits.ts';
import { runReplicate } from '../../src/jobs/replicate.ts';
import { runRestore } from '../../src/jobs/restore.ts';
import { type JobHandler, JobRunner } from '../../src/jobs/runner.ts';
import { compareAtStart } from '../../src/jobs/storeAgreement.ts';
import { VaultStores } from '../../src/jobs/vaultStores.ts';
import { runVerify } from '../../src/jobs/verify.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { Backend } from '../../src/store/backend.ts';
import { DiskBackend } from '../../src/store/backends/disk.ts';
import { type FileCalls, nodeFileCalls } from '../../src/store/backends/fileCalls.ts';
import type { KeyEncryptionKey } from '../../src/store/keys.ts';
import { removeLeftovers } from '../../src/store/openBackend.ts';
import type { Job, JobOperation } from '../../src/vault/job.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import type { ProtectedItem } from '../../src/vault/protectedItem.ts';
import type { Power } from './power.ts';
import type { SoakRig } from './soakRig.ts';

export const BY = { objectId: 'operator-1', name: 'an operator' };
export type Housekeeping = Extract<JobOperation, 'Collect' | 'Verify' | 'Replicate' | 'CopyCatalogue' | 'Reconcile'>;

/** What stands between a process and the folders of its places. */
export interface Wraps {
  /** Opens a place's folder, instead of a disk backend over `files`. */
  readonly open?: (place: string, folder: string) => Backend;
  readonly files?: (files: FileCalls) => FileCalls;
  /** Around whatever was opened. */
  readonly wrap?: (place: string, backend: Backend) => Backend;
  readonly collect?: Partial<CollectSettings>;
  /** Nothing stands in between: worker threads open the places themselves. */
  readonly isPlain?: boolean;
}

/** What the processes say, as STRONGROOM_LOG wants it; nothing by default. */
const LOG = createLogger(globalThis.process.env.STRONGROOM_LOG ?? 'silent');
/** As long as a job ever rests before it is tried again. */
const RETRY_TURN_MS = 15 * 60_000;
const MOST_RETRIES = 12;
/** How far `settle` may turn time. */
export const SETTLES_WITHIN_MS = MOST_RETRIES * RETRY_TURN_MS;

/** One server process on the rig's files: it may die at any step, and the next one goes on. */
export class SoakProcess implements AsyncDisposable {
  readonly rig: SoakRig;
  readonly power: Power;
  readonly db: Database;
  readonly tools: JobTools;
  readonly service: JobService;
  readonly #runner: JobRunner;
  readonly #inner: Database;
  #hasBooted = false;
  #isOver = false;

  private constructor(rig: SoakRig, power: Power, inner: Database, wraps: Wraps) {
    this.rig = rig;
    this.power = power;
    this.#inner = inner;
    this.db = power.database(inner);
    const clock = power.clock(rig.clock);
    const host = power.host(rig.recorder.watch(rig.machines.host));
    const stores = openStores(rig, { power, wraps, clock, db: this.db });
    this.tools = { db: this.db, clock, log: LOG, hosts: new Hosts([host]), stores, workers: wraps.isPlain ? 2 : 0 };
    const handlers = handlersWith({ requireDatabaseCopy: false, ...wraps.collect });
    this.#runner = new JobRunner(this.tools, { owner: randomUUID(), handlers, concurrency: 16 });
    this.service = new JobService(this.tools, { wake: () => {}, cancel: (id) => this.#runner.cancel(id) });
  }

  static async start(rig: SoakRig, power: Power, wraps: Wraps): Promise<SoakProcess> {
    for (const folder of rig.storeFolders) await removeLeftovers({ kind: 'disk', folder });
    const inner = await openDatabase({ path: rig.databasePath });
    await endAllLeases(inner.queries);
    return new SoakProcess(rig, power, inner, wraps);
  }

  requestBackup(item: ProtectedItem, retainDays?: number): Promise<string> {
    const retainUntil = retainDays === undefined ? {} : { retainUntil: this.rig.clock.now() + retainDays * 86_400_000 };
    return this.service.requestBackup(item.id, { userTriggered: true, by: BY, ...retainUntil });
  }

  async requestHousekeeping(operation: Housekeeping, parameters: JsonObject = {}): Promise<string> {
    const vault = { id: this.rig.vaultId, name: 'vault-1' };
    const request = { by: BY.objectId, parameters };
    const job = newHousekeepingJob(vault, operation, this.rig.clock.now(), request);
    return (await enqueueHousekeeping(this.db.queries, job)).id;
  }

  /** Asks for it, and runs the queue to its end. */
  async housekeep(operation: Housekeeping, parameters: JsonObject = {}): Promise<Job> {
    const id = await this.requestHousekeeping(operation, parameters);
    await this.settle();
    return this.job(id);
  }

  /** Lets go of what has expired, as the scheduler does every hour. */
  async prune(): Promise<void> {
    for (const item of this.rig.items) await pruneItem(this.tools, item.id);
  }

  /** Runs `count` of the queue's jobs side by side, each to its end or its next try. */
  async runSome(count: number): Promise<boolean> {
    await this.#boot();
    const ran = await Promise.all(Array.from({ length: count }, () => this.#runner.runOne()));
    return ran.includes(true);
  }

  /** Every job to its end, turning time where one waits to be tried again. */
  async settle(): Promise<void> {
    await this.#boot();
    for (let turns = 0; turns < MOST_RETRIES; turns++) {
      while (await this.runSome(4));
      await recoverCommits(this.tools); // as every tick of the scheduler does
      this.rig.recorder.observe(this.rig.databasePath);
      if ((await this.unendedJobs()).length === 0) return;
      await this.rig.clock.turn(RETRY_TURN_MS);
    }
  }

  /** Waits until `work` is done or the process dies in it; true: it died. */
  async until(work: Promise<unknown>): Promise<boolean> {
    await Promise.race([work, this.power.off]);
    if (this.power.isOff) work.catch(() => {});
    return this.power.isOff;
  }

  /** SIGKILL: open transactions go, everything else stays as it is. */
  async kill(): Promise<void> {
    await this.power.bury();
    await this.#end();
  }

  async keyOf(vaultId: string): Promise<KeyEncryptionKey> {
    return { kind: 'file', bytes: new Uint8Array(await readFile(join(this.rig.folder, 'keys', `${vaultId}.key`))) };
  }

  async job(id: string): Promise<Job> {
    return (await getJob(this.#inner.queries, id))!;
  }

  async unendedJobs(): Promise<readonly { readonly id: string; readonly operation: string }[]> {
    return this.#inner.queries.selectFrom('jobs').select(['id', 'operation']).where('end_time', 'is', null).execute();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  /** What a server does before it runs jobs. */
  async #boot(): Promise<void> {
    if (this.#hasBooted) return;
    this.#hasBooted = true;
    await compareAtStart(this.tools);
    await recoverCommits(this.tools);
  }

  async #end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#inner[Symbol.asyncDispose]();
    this.rig.recorder.observe(this.rig.databasePath);
  }
}

const handlersWith = (collect: Partial<CollectSettings>): Partial<Record<JobOperation, JobHandler>> => ({
  Backup: runBackup,
  Restore: runRestore,
  Collect: (context) => collectVault(context, collect),
  Verify: runVerify,
  Replicate: runReplicate,
  CopyCatalogue: runCopyCatalogue,
  Reconcile: runReconcile,
});

function openStores(
  rig: SoakRig,
  { power, wraps, clock, db }: { power: Power; wraps: Wraps; clock: JobTools['clock']; db: Database },
): VaultStores {
  const { files = (calls) => calls, wrap = (_place, backend) => backend } = wraps;
  const open = wraps.open ?? ((_place, folder) => new DiskBackend(folder, power.files(files(nodeFileCalls))));
  const at = (name: string) => join(rig.folder, name);
  return new VaultStores({ stores: at('stores'), keys: at('keys'), cache: at('cache') }, clock, undefined, {
    storage: rig.storage,
    db,
    ...(!wraps.isPlain && {
      wrapPlace: (place: string) => power.backend(wrap(place, open(place, rig.storeFolder(place)))),
    }),
  });
}
