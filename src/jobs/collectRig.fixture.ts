import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { enqueueHousekeeping } from '../db/housekeeping.ts';
import { getJob } from '../db/jobs.ts';
import { listPacks, storedBytes } from '../db/packs.ts';
import type { Backend } from '../store/backend.ts';
import type { Job } from '../vault/job.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { runBackup } from './backup.ts';
import { type CollectParameters, type CollectReport, type CollectSettings, collectVault } from './collect.ts';
import type { JobTools } from './context.ts';
import { newHousekeepingJob } from './housekeeping.ts';
import { pruneItem } from './prune.ts';
import { runRestore } from './restore.ts';
import { JobRunner } from './runner.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;

/** Runs collections of a vault as jobs, by a runner of their own, at once. */
export class Collections {
  readonly #tools: JobTools;
  readonly #vaultId: string;

  constructor(tools: JobTools, vaultId: string) {
    this.#tools = tools;
    this.#vaultId = vaultId;
  }

  /** The ended job, and the report when it came to one. Without other settings no copy of the database is asked for. */
  async run(
    parameters: CollectParameters = {},
    settings: Partial<CollectSettings> = {},
  ): Promise<{ readonly job: Job; readonly report: CollectReport | undefined }> {
    const { db, clock } = this.#tools;
    const vault = { id: this.#vaultId, name: 'vault-1' };
    const request = { by: 'operator-1', parameters: { ...parameters } };
    const queued = await enqueueHousekeeping(db.queries, newHousekeepingJob(vault, 'Collect', clock.now(), request));
    let report: CollectReport | undefined;
    const Collect = async (context: Parameters<typeof collectVault>[0]) => {
      const outcome = await collectVault(context, { requireDatabaseCopy: false, ...settings });
      report = outcome.report;
      return outcome;
    };
    const handlers = { Backup: runBackup, Restore: runRestore, Collect };
    const runner = new JobRunner(this.#tools, { owner: randomUUID(), handlers, concurrency: 1 });
    while (await runner.runOne()) {}
    return { job: (await getJob(db.queries, queued.id))!, report };
  }
}

type Hashes = ReadonlyMap<number, string>;
/** What only the point that is let go needs. */
export const OLD_BYTES = randomBytes(1_000_000);

/**
 * A vault of which much may go: of two points the first was let go. Most of its data is needed by none, some by the
 * second: its data pack will be compacted, packs of its tree will be dropped.
 */
export class CollectRig {
  readonly rig: VaultRig;
  readonly collections: Collections;
  readonly hashes = new Map<string, Hashes>();

  constructor(rig: VaultRig) {
    this.rig = rig;
    this.collections = new Collections(rig.tools, rig.item.vaultId);
  }

  static async open(wrap?: (backend: Backend) => Backend): Promise<CollectRig> {
    const made = new CollectRig(await VaultRig.open({}, wrap ? { wrap } : {}));
    const { rig } = made;
    await rig.host.write(MACHINE, 0, 0, OLD_BYTES);
    await rig.host.write(MACHINE, 0, 10_000_000, randomBytes(200_000));
    await made.backUp();
    await rig.clock.turn(14 * DAY_MS);
    await rig.host.write(MACHINE, 0, 0, randomBytes(OLD_BYTES.length));
    await made.backUp();
    await rig.clock.turn(20 * DAY_MS);
    await pruneItem(rig.tools, rig.item.id);
    assert.equal((await rig.points()).filter(isVaulted).length, 1, 'one point is let go');
    return made;
  }

  async backUp(): Promise<void> {
    assert.equal((await this.rig.backUp()).status, 'Completed');
    const [newest] = await this.rig.points();
    this.hashes.set(newest!.id, await this.rig.diskHashes());
  }

  /** The next process after a power cut; what was shown before still counts. */
  async reborn(options: Parameters<VaultRig['reborn']>[0] = {}): Promise<CollectRig> {
    const next = new CollectRig(await this.rig.reborn(options));
    for (const [id, hashes] of this.hashes) next.hashes.set(id, hashes);
    return next;
  }

  stored(): Promise<{ readonly packs: number; readonly sizeBytes: number }> {
    return storedBytes(this.rig.db.queries, this.rig.item.vaultId);
  }

  async objects(): Promise<string[]> {
    const { store } = await this.rig.tools.stores.open(this.rig.item.vaultId);
    const names: string[] = [];
    for await (const { name } of store.backend.list('')) if (!name.startsWith('own/')) names.push(name);
    return names.sort();
  }

  async assertAllRestore(when: string): Promise<void> {
    const points = (await this.rig.points()).filter(isVaulted);
    for (const point of points)
      assert.deepEqual((await this.rig.restore(point)).hashes, this.hashes.get(point.id), `${when}: ${point.id}`);
  }

  /** Runs until nothing more is to be had: nothing waits, and what the store holds is what points need. */
  async collectAll(): Promise<void> {
    let report: CollectReport | undefined;
    for (let week = 0; week < 8; week++) {
      const { job, report: last } = await this.collections.run({ approved: true });
      assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
      report = last!;
      const { condemned, dropped, compacted, waiting } = report;
      if (condemned + dropped + compacted === 0 && Object.values(waiting).every((count) => count === 0)) break;
      await this.rig.clock.turn(7 * DAY_MS);
    }
    const { condemned, dropped, compacted, waiting } = report!;
    assert.deepEqual({ condemned, dropped, compacted }, { condemned: 0, dropped: 0, compacted: 0 });
    assert.deepEqual(waiting, { grace: 0, session: 0, lock: 0, repair: 0, trash: 0, unknown: 0 });
    const packs = (await this.objects()).filter((name) => name.startsWith('p/'));
    const known = await listPacks(this.rig.db.queries, this.rig.item.vaultId, { state: 'live' });
    assert.deepEqual(packs, known.map(({ name }) => name).sort());
  }
}

/** A storage whose n-th change, a put or a deletion, never comes back, nor does anything after it. */
export class PowerSwitch {
  changes = 0;
  cutAt = Number.POSITIVE_INFINITY;
  when: 'before' | 'after' = 'before';
  readonly #off = Promise.withResolvers<void>();
  readonly off = this.#off.promise;
  #isOff = false;

  wrap(backend: Backend): Backend {
    const never = () => new Promise<never>(() => {});
    const guard = <T>(call: () => Promise<T>): Promise<T> => (this.#isOff ? never() : call());
    const change = <T>(call: () => Promise<T>): Promise<T> =>
      guard(async () => {
        const isCut = ++this.changes === this.cutAt;
        const result = isCut && this.when === 'before' ? undefined : await call();
        if (!isCut) return result as T;
        this.#isOff = true;
        this.#off.resolve();
        return never();
      });
    return over(backend, {
      put: (name, bytes, signal) => change(() => backend.put(name, bytes, signal)),
      delete: (name) => change(() => backend.delete(name)),
      get: (name, range) => guard(() => backend.get(name, range)),
      head: (name) => guard(() => backend.head(name)),
    });
  }
}

/** The backend with some of its calls replaced. */
export const over = (backend: Backend, changes: Partial<Backend>): Backend => ({
  put: (name, bytes, signal) => backend.put(name, bytes, signal),
  get: (name, range) => backend.get(name, range),
  head: (name) => backend.head(name),
  list: (prefix) => backend.list(prefix),
  delete: (name) => backend.delete(name),
  ...changes,
});
