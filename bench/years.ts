import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { enqueueHousekeeping } from '../src/db/housekeeping.ts';
import { insertItem } from '../src/db/items.ts';
import { openDatabase } from '../src/db/openDatabase.ts';
import { putPolicy } from '../src/db/policies.ts';
import { insertVault } from '../src/db/vaults.ts';
import { runBackup } from '../src/jobs/backup.ts';
import { collectVault } from '../src/jobs/collect.ts';
import { Hosts, type JobTools } from '../src/jobs/context.ts';
import { newHousekeepingJob } from '../src/jobs/housekeeping.ts';
import { JobRunner } from '../src/jobs/runner.ts';
import { Scheduler } from '../src/jobs/scheduler.ts';
import { VaultStores } from '../src/jobs/vaultStores.ts';
import { silentLogger } from '../src/lib/log.ts';
import { TurnedClock } from '../src/lib/turnedClock.ts';
import { FakeHost } from '../src/machine/fakeHost.ts';
import type { Store } from '../src/store/store.ts';
import { defaultPolicy } from '../src/vault/defaultPolicies.ts';
import type { Retention } from '../src/vault/policy.ts';
import { newVault } from '../src/vault/vaultRules.ts';
import type { Bench } from './bench.ts';
import { liveBytes } from './liveBytes.ts';
import { Random } from './random.ts';

const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const CHUNK_BYTES = 131_072;
const DISK_BYTES = 64 * MIB;
const MACHINE = { resourceGroup: 'orchard', name: 'press-1' };
const MOST_TIMES = 1.25;
/** Days until the daily, weekly and monthly points all expire as fast as new ones come. */
const WARM_UP_DAYS = 400;

const RETENTION: Retention = {
  daily: { days: 30 },
  weekly: { weeks: 12, on: ['Sunday'] },
  monthly: { months: 12, on: { format: 'Weekly', days: ['Sunday'], weeks: ['First'] } },
  yearly: { years: 10, inMonths: ['January'], on: { format: 'Weekly', days: ['Sunday'], weeks: ['First'] } },
};

interface Sample {
  readonly year: number;
  readonly points: number;
  readonly storedBytes: number;
  readonly trashBytes: number;
  readonly liveBytes: number;
}

/** Ten years of daily backups of a small, busy disk: what the store holds beside what its points need. */
export const years: Bench = {
  name: 'years',
  run: async (context) => {
    await using town = await Town.open(context.folder);
    const mostDays = Math.round(3652 * context.scale);
    const samples: Sample[] = [];
    const started = performance.now();
    let days = 0;
    while (days < mostDays && performance.now() - started < context.minutes * 60_000) {
      const day = ++days;
      await town.day();
      if (day % 30 === 0) samples.push(await town.sample(day / 365.25));
      if (day % 365 === 0) context.say(`year ${day / 365}: ${describe(samples.at(-1)!)}`);
    }
    const seconds = (performance.now() - started) / 1000;
    const steady = samples.filter(({ year }) => year * 365.25 > Math.min(WARM_UP_DAYS, days / 2));
    const times = (of: (sample: Sample) => number) => steady.map((one) => of(one) / one.liveBytes);
    const share = times(({ storedBytes }) => storedBytes);
    const mean = share.reduce((sum, one) => sum + one, 0) / share.length;
    const withTrash = times(({ storedBytes, trashBytes }) => storedBytes + trashBytes);
    const { ingestedBytes, rewrittenBytes, approvals, collections } = town;
    const last = samples.at(-1)!;
    return {
      lines: [
        `${days} days in ${seconds.toFixed(0)} s, ${collections} collections, ${approvals} of them approved by hand`,
        `at the end ${last.points} points, ${describe(last)}`,
        `stored ÷ live: mean ${mean.toFixed(2)}, most ${Math.max(...share).toFixed(2)}; with the trash most ${Math.max(...withTrash).toFixed(2)}`,
        `rewritten ÷ ingested: ${(rewrittenBytes / ingestedBytes).toFixed(2)}`,
      ],
      records: [...samples, { seconds, ingestedBytes, rewrittenBytes, approvals, collections }],
      verdicts: [
        {
          target: `stored ÷ live is at most ${MOST_TIMES}, once points expire as they come`,
          met: mean <= MOST_TIMES,
          measured: `mean ${mean.toFixed(2)}, most ${Math.max(...share).toFixed(2)}`,
        },
      ],
    };
  },
};

const describe = ({ storedBytes, liveBytes: live, trashBytes }: Sample): string =>
  `${(storedBytes / MIB).toFixed(0)} MiB stored for ${(live / MIB).toFixed(0)} MiB live (${(storedBytes / live).toFixed(2)}), ${(trashBytes / MIB).toFixed(0)} MiB in the trash`;

/** One machine, its vault, and a server whose days are turned. */
class Town implements AsyncDisposable {
  ingestedBytes = 0;
  rewrittenBytes = 0;
  approvals = 0;
  collections = 0;
  readonly #random = new Random(11);
  readonly #clock: TurnedClock;
  readonly #host: FakeHost;
  readonly #tools: JobTools;
  readonly #runner: JobRunner;
  readonly #scheduler: Scheduler;
  readonly #vault: { readonly id: string; readonly name: string };

  private constructor(
    tools: JobTools,
    own: { clock: TurnedClock; host: FakeHost; vault: { id: string; name: string } },
  ) {
    this.#tools = tools;
    this.#clock = own.clock;
    this.#host = own.host;
    this.#vault = own.vault;
    const nothing = async () => ({ status: 'Completed' as const });
    const handlers = {
      Backup: runBackup,
      Collect: async (job: Parameters<typeof collectVault>[0]) => {
        this.collections++;
        const outcome = await collectVault(job, { requireDatabaseCopy: false });
        this.rewrittenBytes += outcome.report.rewrittenBytes;
        return outcome;
      },
      ...{ Verify: nothing, Replicate: nothing, ExtendLocks: nothing, CopyCatalogue: nothing },
    };
    this.#runner = new JobRunner(tools, { owner: 'bench', handlers, concurrency: 1 });
    this.#scheduler = new Scheduler(tools, this.#runner);
  }

  static async open(folder: string): Promise<Town> {
    const clock = new TurnedClock('2026-01-04T12:00:00Z');
    const host = new FakeHost({ folder, clock });
    const disks = [{ lun: -1, name: 'os', sizeBytes: DISK_BYTES }];
    const machine = await host.addMachine({ ...MACHINE, disks });
    const db = await openDatabase({ path: join(folder, 'db.sqlite') });
    const now = clock.now();
    const place = { subscriptionId: randomUUID(), resourceGroup: 'orchard', name: 'vault-1', location: 'westeurope' };
    const vault = newVault({ ...place, id: randomUUID() }, now);
    const base = {
      id: randomUUID(),
      vaultId: vault.id,
      name: 'DefaultPolicy',
      version: 1,
      createdAt: now,
      updatedAt: now,
    };
    await insertVault(db.queries, vault);
    await putPolicy(db.queries, { ...defaultPolicy(now), retention: RETENTION, ...base });
    await insertItem(db.queries, {
      ...{ id: randomUUID(), vaultId: vault.id, host: host.name, resourceGroup: MACHINE.resourceGroup },
      ...{ vmName: MACHINE.name, vmId: machine.vmId, protectionState: 'IRPending', policyId: base.id },
      sourceResourceId: `/subscriptions/${place.subscriptionId}/resourceGroups/orchard/providers/Microsoft.Compute/virtualMachines/${MACHINE.name}`,
      ...{ createdAt: now, updatedAt: now },
    });
    const at = (name: string) => join(folder, name);
    const stores = new VaultStores({ stores: at('stores'), keys: at('keys'), cache: at('cache') }, clock);
    await stores.create(vault);
    const tools: JobTools = { db, clock, log: silentLogger, hosts: new Hosts([host]), stores, workers: 0 };
    const town = new Town(tools, { clock, host, vault });
    for (let chunk = 0; chunk < DISK_BYTES / CHUNK_BYTES; chunk++) await town.#write(chunk, CHUNK_BYTES);
    return town;
  }

  /** Until noon of the next day: the machine works, its backup runs in the evening, the store is looked after. */
  async day(): Promise<void> {
    const chunks = DISK_BYTES / CHUNK_BYTES;
    // most writes go to the same few places, as those of databases and logs do
    for (let write = 0; write < chunks / 20; write++)
      await this.#write(Math.floor(chunks * this.#uniform() ** 4), 16_384);
    for (let write = 0; write < chunks / 300; write++) await this.#write(Math.floor(chunks * this.#uniform()), 16_384);
    for (const hours of [9, 15]) {
      await this.#clock.turn(hours * 3_600_000);
      await this.#scheduler.tick();
      while (await this.#runner.runOne());
    }
    await this.#approve();
    await this.#count();
  }

  async sample(year: number): Promise<Sample> {
    const { store } = await this.#tools.stores.open(this.#vault.id);
    const trash = await this.#tools.db.queries.selectFrom('trash').select('name').execute();
    const old = new Set(trash.map(({ name }) => name));
    let [storedBytes, trashBytes] = [0, 0];
    for await (const { name, sizeBytes } of store.backend.list('p/'))
      if (old.has(name)) trashBytes += sizeBytes;
      else storedBytes += sizeBytes;
    return { year, points: await pointsOf(store), storedBytes, trashBytes, liveBytes: await liveBytes(store) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.db[Symbol.asyncDispose]();
  }

  /** An operator approves what a brake held back. */
  async #approve(): Promise<void> {
    const { db, clock } = this.#tools;
    const last = await db.queries
      .selectFrom('jobs')
      .select(['status', 'body'])
      .where('operation', '=', 'Collect')
      .orderBy('start_time', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (last?.status !== 'Failed') return;
    if (!last.body.includes('CollectRefused')) throw new Error(last.body);
    this.approvals++;
    const request = { by: 'operator', parameters: { approved: true } };
    await enqueueHousekeeping(db.queries, newHousekeepingJob(this.#vault, 'Collect', clock.now(), request));
    while (await this.#runner.runOne());
  }

  /** The day's backup must have completed; what it stored counts as ingested. */
  async #count(): Promise<void> {
    const { queries } = this.#tools.db;
    const now = this.#clock.now();
    const failed = await queries
      .selectFrom('jobs')
      .select('body')
      .where('operation', '=', 'Backup')
      .where('status', '!=', 'Completed')
      .executeTakeFirst();
    if (failed) throw new Error(`a backup did not complete: ${failed.body}`);
    const packs = await queries
      .selectFrom('packs')
      .select((e) => e.fn.sum<number | null>('size_bytes').as('bytes'))
      .where('created_at', '>', now - DAY_MS)
      .executeTakeFirst();
    this.ingestedBytes += Number(packs?.bytes ?? 0);
  }

  async #write(chunk: number, length: number): Promise<void> {
    const bytes = new Uint8Array(length);
    this.#random.fill(bytes);
    const within = 4096 * this.#random.below((CHUNK_BYTES - length) / 4096 + 1);
    await this.#host.write(MACHINE, -1, chunk * CHUNK_BYTES + within, bytes);
  }

  #uniform(): number {
    return this.#random.uint32() / 2 ** 32;
  }
}

const pointsOf = async (store: Store): Promise<number> => {
  let points = 0;
  for await (const _commit of store.commits()) points++;
  return points;
};
