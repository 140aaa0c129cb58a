import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Backend } from '../store/backend.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

/** A machine whose power goes away at a write: that write and every later call never comes back. */
class PowerSwitch {
  writes = 0;
  /** The write that is cut, counted from 1; `when` tells whether its bytes had reached the disk. */
  cutAt = Number.POSITIVE_INFINITY;
  when: 'before' | 'after' = 'before';
  readonly #off = Promise.withResolvers<void>();
  isOff = false;
  readonly off = this.#off.promise;

  wrap(backend: Backend): Backend {
    const guard = async <T>(call: () => Promise<T>): Promise<T> => (this.isOff ? new Promise<never>(() => {}) : call());
    return {
      put: (name, bytes, signal) =>
        guard(async () => {
          const isCut = ++this.writes === this.cutAt;
          if (isCut && this.when === 'before') return this.cut();
          const result = await backend.put(name, bytes, signal);
          return isCut ? this.cut() : result;
        }),
      get: (name, range) => guard(() => backend.get(name, range)),
      head: (name) => guard(() => backend.head(name)),
      list: (prefix) => backend.list(prefix),
      delete: (name) => guard(() => backend.delete(name)),
    };
  }

  cut(): Promise<never> {
    this.isOff = true;
    this.#off.resolve();
    return new Promise<never>(() => {});
  }
}

for (const kind of ['full', 'incremental'] as const)
  test(`the power goes at every write of a ${kind} backup; what was shown Completed restores`, async () => {
    const writes = await writesOf(kind);
    assert.ok(writes >= 3, 'data, tree and commit');
    for (let cutAt = 1; cutAt <= writes; cutAt++)
      for (const when of ['before', 'after'] as const) await cutAndGoOn(kind, cutAt, when);
  });

async function prepared(kind: 'full' | 'incremental', power: PowerSwitch): Promise<VaultRig> {
  const rig = await VaultRig.open({}, { wrap: (backend) => power.wrap(backend) });
  await rig.host.write(MACHINE, -1, 0, randomBytes(200_000));
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  if (kind === 'full') return rig;
  assert.equal((await rig.backUp()).status, 'Completed');
  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 66_000_000, randomBytes(100_000));
  return rig;
}

async function writesOf(kind: 'full' | 'incremental'): Promise<number> {
  const power = new PowerSwitch();
  await using rig = await prepared(kind, power);
  const before = power.writes;
  assert.equal((await rig.backUp()).status, 'Completed');
  return power.writes - before;
}

async function cutAndGoOn(kind: 'full' | 'incremental', cutAt: number, when: 'before' | 'after'): Promise<void> {
  const power = new PowerSwitch();
  await using rig = await prepared(kind, power);
  const hashesBefore = new Map<string, ReadonlyMap<number, string>>();
  power.cutAt = power.writes + cutAt;
  power.when = when;
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  void rig.runner.runOne();
  await power.off;

  const shown = await rig.points();
  for (const point of shown.filter(isVaulted)) hashesBefore.set(point.id, new Map());
  assert.equal(shown.filter(isVaulted).length, kind === 'full' ? 0 : 1, 'nothing is shown before its commit');
  await using after = await rig.reborn();
  await after.clock.turn(60_000);
  assert.equal(await after.runner.runOne(), true, 'the job is taken over');
  const job = await after.job(id);
  assert.equal(job.status, 'Completed', `cut ${when} write ${cutAt}: ${JSON.stringify(job.errors)}`);
  const points = await after.points();
  assert.equal(points.filter(isVaulted).length, kind === 'full' ? 1 : 2);
  assert.deepEqual((await after.restore(points[0]!)).hashes, await after.diskHashes(), `cut ${when} write ${cutAt}`);
  const { store } = await after.tools.stores.open(after.item.vaultId);
  const commits: number[] = [];
  for await (const { cseq } of store.commits()) commits.push(cseq);
  assert.deepEqual(commits.sort(), kind === 'full' ? [1] : [1, 2], 'one commit a point, without a gap');
}
