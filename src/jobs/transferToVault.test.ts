import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { listSessions } from '../db/sessions.ts';
import { isVaulted, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { runBackup } from './backup.ts';
import { readBackupSubject } from './backupSubject.ts';
import { type JobHandler, JobRunner } from './runner.ts';
import { takeSnapshot } from './takeSnapshot.ts';
import { transferToVault } from './transferToVault.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

/** The work of a backup up to the publication of its point, and nothing of what comes after. */
const untilPublished: JobHandler = async (context) => {
  const subject = await readBackupSubject(context);
  await transferToVault(context, subject, await takeSnapshot(context, subject));
  return { status: 'Completed' };
};

for (const [when, work] of [
  ['right after its point was published', untilPublished],
  ['before its own end was recorded', runBackup],
] as const)
  test(`a job killed ${when} makes no second commit and keeps its point`, async () => {
    await using rig = await VaultRig.open();
    await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
    const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
    const died = Promise.withResolvers<void>();
    const Backup: JobHandler = async (context) => {
      await work(context);
      died.resolve();
      return new Promise<never>(() => {});
    };
    void new JobRunner(rig.tools, { owner: randomUUID(), handlers: { Backup }, concurrency: 1 }).runOne();
    await died.promise;
    const [before] = await rig.points();
    assert.ok(isVaulted(before!));

    await using next = await rig.reborn();
    await next.clock.turn(60_000);
    assert.equal(await next.runner.runOne(), true, 'the job is taken over');
    assert.equal((await next.job(id)).status, 'Completed');
    const points = await next.points();
    assert.deepEqual(points.map(whatWasStored), [whatWasStored(before!)]);
    const { store } = await next.tools.stores.open(next.item.vaultId);
    const commits: number[] = [];
    for await (const { cseq } of store.commits()) commits.push(cseq);
    assert.deepEqual(commits, [1]);
    const states = (await listSessions(next.db.queries, { jobId: id })).map(({ state }) => state);
    assert.deepEqual(states, ['committed'], 'nothing was begun again');
    assert.deepEqual((await next.restore(before!)).hashes, await next.diskHashes());
  });

/** Of a point, what pruning never changes. */
function whatWasStored({ id, vaulted, disks }: RecoveryPoint): unknown {
  return { id, disks, commitName: vaulted?.commitName, cseq: vaulted?.cseq, storedAt: vaulted?.storedAt };
}

test('a snapshot that is transferred after a later one of its machine is the point that it was', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  assert.equal((await rig.backUp()).status, 'Completed');
  await rig.clock.turn(60_000);
  await rig.host.write(MACHINE, 0, 100_000, randomBytes(100_000));
  const earlier = await rig.diskHashes();
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  const died = Promise.withResolvers<void>();
  const Backup: JobHandler = async (context) => {
    await takeSnapshot(context, await readBackupSubject(context));
    died.resolve();
    return new Promise<never>(() => {});
  };
  void new JobRunner(rig.tools, { owner: randomUUID(), handlers: { Backup }, concurrency: 1 }).runOne();
  await died.promise;

  await using next = await rig.reborn();
  await next.clock.turn(1000);
  await next.host.write(MACHINE, 0, 150_000, randomBytes(100_000));
  assert.equal((await next.backUp()).status, 'Completed', 'the job of the dead process is still leased');
  await next.clock.turn(60_000);
  assert.equal(await next.runner.runOne(), true, 'the job is taken over');
  assert.equal((await next.job(id)).status, 'Completed');
  const [newest, between] = (await next.points()).filter(isVaulted);
  assert.deepEqual((await next.restore(between!)).hashes, earlier);
  assert.deepEqual((await next.restore(newest!)).hashes, await next.diskHashes());
});
