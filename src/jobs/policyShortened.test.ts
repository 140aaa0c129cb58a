import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getPolicy, putPolicy } from '../db/policies.ts';
import type { Retention } from '../vault/policy.ts';
import { pruneItem } from './prune.ts';
import { Scheduler } from './scheduler.ts';
import { VaultRig } from './vaultRig.fixture.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Backups of three days under a policy that keeps them for ten. */
async function threeBackups(): Promise<VaultRig> {
  const rig = await VaultRig.open({
    schedule: { frequency: 'Daily', time: '12:00' },
    instantRestoreDays: 1,
    retention: { daily: { days: 10 } },
  });
  const scheduler = new Scheduler(rig.tools, rig.runner);
  await scheduler.tick();
  await rig.clock.turn(4 * HOUR_MS);
  for (let day = 0; day < 3; day++) {
    await scheduler.tick();
    await rig.runner.runOne();
    await rig.clock.turn(DAY_MS);
  }
  return rig;
}

async function keep(rig: VaultRig, retention: Retention): Promise<void> {
  const policy = await getPolicy(rig.db.queries, rig.item.policyId!);
  await putPolicy(rig.db.queries, { ...policy!, retention });
  await pruneItem(rig.tools, rig.item.id);
}

const states = async (rig: VaultRig): Promise<readonly string[]> =>
  (await rig.points()).map(({ vaulted, occurrenceKey }) =>
    [occurrenceKey?.slice(8, 10), ...(vaulted?.softDelete ? ['soft'] : [])].join(' '),
  );

test('points that a shorter policy lets go can be restored for the days of soft delete, and are taken back by a longer one', async () => {
  await using rig = await threeBackups();
  assert.deepEqual(await states(rig), ['04', '03', '02']);
  await keep(rig, { daily: { days: 1 } });
  assert.deepEqual(await states(rig), ['04', '03 soft', '02 soft']);
  const [, cut] = await rig.points();
  assert.deepEqual(cut!.keptBy, ['soft delete']);
  assert.equal((await rig.restore(cut!)).job.status, 'Completed');
  await rig.clock.turn(DAY_MS);
  await keep(rig, { daily: { days: 30 } });
  assert.deepEqual(await states(rig), ['04', '03', '02']);
});

test('soft-deleted points go when their days are over, with their commits; the newest stays', async () => {
  await using rig = await threeBackups();
  await keep(rig, { daily: { days: 1 } });
  await rig.clock.turn(14 * DAY_MS - 1);
  await pruneItem(rig.tools, rig.item.id);
  assert.equal((await rig.points()).length, 3);
  await rig.clock.turn(1);
  await pruneItem(rig.tools, rig.item.id);
  assert.deepEqual(await states(rig), ['04']);
  const [newest] = await rig.points();
  assert.equal((await rig.restore(newest!)).job.status, 'Completed');
});

test('points whose time runs out under the policy they were taken under go at once', async () => {
  await using rig = await threeBackups();
  await pruneItem(rig.tools, rig.item.id);
  await rig.clock.turn(7 * DAY_MS);
  await pruneItem(rig.tools, rig.item.id);
  assert.deepEqual(await states(rig), ['04', '03']);
});
