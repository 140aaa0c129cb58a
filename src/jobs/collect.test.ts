import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { getPack, listPacks, recordSessionPack } from '../db/packs.ts';
import { changeStoreState, getStoreState, type StoreState } from '../db/storeStates.ts';
import { countTrash } from '../db/trash.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { compactPack } from '../store/compact.ts';
import { LeafWriter } from '../store/leafWriter.ts';
import type { PackRecord } from '../store/packRecord.ts';
import type { Store } from '../store/store.ts';
import { CollectRig, DAY_MS, OLD_BYTES, over, PowerSwitch } from './collectRig.fixture.ts';
import { assertStoreAgrees } from './storeAgreement.ts';
import { BY, MACHINE } from './vaultRig.fixture.ts';

/** Elsewhere on the disk, where the same bytes are the same chunks. */
const ALIGNED = 20 * 2 ** 20;

test('space of expired points is free after two runs and a day between; the others restore', async () => {
  const made = await CollectRig.open();
  await using rig = made.rig;
  const before = await made.stored();
  const first = await made.collections.run({ approved: true });
  assert.equal(first.job.status, 'Completed', JSON.stringify(first.job.errors));
  assert.ok(first.report!.condemned > 0);
  assert.equal(first.report!.dropped + first.report!.compacted, 0, 'the first run only condemns');
  const early = await made.collections.run({ approved: true });
  assert.equal(early.report!.dropped + early.report!.compacted, 0, 'nothing goes within a day');
  assert.equal(early.report!.waiting.grace, first.report!.condemned);
  await rig.clock.turn(DAY_MS);
  const second = await made.collections.run();
  assert.ok(second.report!.dropped > 0 && second.report!.compacted > 0, JSON.stringify(second.report));
  assert.equal(second.report!.freedBytes, before.sizeBytes - (await made.stored()).sizeBytes);
  assert.equal((await made.objects()).includes('gc/1'), true, 'told in the store before anything went');
  assert.ok((await countTrash(rig.db.queries, rig.item.vaultId)) > 0);
  await made.assertAllRestore('after dropping and compacting');
  await made.collectAll();
  const { storedBytes, liveBytes } = (await made.collections.run()).report!;
  assert.equal(storedBytes, liveBytes, 'nothing is kept that no point needs');
  await made.assertAllRestore('after the trash was taken out');
  await made.backUp();
  await made.assertAllRestore('of a backup on top of compacted packs');
});

test('a dry run tells what would go and why, and changes nothing', async () => {
  const made = await CollectRig.open();
  await using rig = made.rig;
  const rows = () => rig.db.queries.selectFrom('packs').selectAll().orderBy('pack_id').execute();
  const [objects, packs] = [await made.objects(), await rows()];
  const { job, report } = await made.collections.run({ dryRun: true });
  assert.equal(job.status, 'Completed');
  assert.deepEqual([await made.objects(), await rows()], [objects, packs]);
  assert.deepEqual([...new Set(report!.packs.map(({ reason }) => String(reason).replace(/^\d+/, 'n')))].sort(), [
    'n % of its records live',
    'no point refers to it',
  ]);
  assert.match(report!.refused![0]!, /% of the vault's bytes/);
  const { lastCollect, collectPlan } = await getStoreState(rig.db.queries, rig.item.vaultId);
  assert.equal(lastCollect, undefined);
  assert.equal(collectPlan?.condemned, report!.condemned);
});

void describe('brakes', () => {
  const refusals: readonly {
    readonly name: string;
    readonly why: RegExp;
    readonly code?: string;
    readonly state?: (now: number) => Partial<StoreState>;
    readonly wrap?: (backend: Backend, now: () => number) => Backend;
    readonly requireDatabaseCopy?: boolean;
    readonly isLiftable?: boolean;
  }[] = [
    { name: 'more than a fifth', why: /condemn \d+ % of the vault's bytes, more than 20 %/, isLiftable: true },
    {
      name: 'a clock that went back',
      why: /yet to come/,
      state: (now) => ({ lastCollect: { at: now + 1000 } }),
      isLiftable: true,
    },
    {
      name: 'a clock that jumped',
      why: /8 days ago/,
      state: (now) => ({ lastCollect: { at: now - 8 * DAY_MS } }),
      isLiftable: true,
    },
    {
      name: 'a database that is to be reconciled',
      why: /the store is ahead/,
      code: 'StoreReconcileRequired',
      state: (now) => ({ reconcile: { since: now, why: ['the store is ahead'] } }),
    },
    { name: 'no copy of the database', why: /no copy of the database/, requireDatabaseCopy: true },
    {
      name: 'an old copy of the database',
      why: /newest copy of the database/,
      requireDatabaseCopy: true,
      state: (now) => ({ databaseCopy: { at: now - DAY_MS - 1 } }),
    },
    {
      name: 'another clock in the storage',
      why: /storage's clock/,
      wrap: (backend, now) => over(backend, { storageNow: async () => now() + 6 * 60_000 }),
    },
    {
      name: 'a copy that is away',
      why: /copy 2 of the store cannot be reached/,
      wrap: (backend) => {
        const away = over(backend, {
          head: async () => {
            throw new CodedError('StoreIoFailed', 'it does not answer');
          },
        });
        return over(backend, { copies: [backend, away] });
      },
    },
  ];
  for (const { name, why, code = 'CollectRefused', state, wrap, requireDatabaseCopy = false, isLiftable } of refusals)
    test(`${name}: nothing is decided, and the reason is told`, async () => {
      let now = () => 0;
      const made = await CollectRig.open(wrap && ((backend) => wrap(backend, () => now())));
      await using rig = made.rig;
      now = () => rig.clock.now();
      const { vaultId } = rig.item;
      if (state) await rig.db.transaction((tx) => changeStoreState(tx, vaultId, state(rig.clock.now())));
      const asked = name === 'more than a fifth' ? {} : { approved: isLiftable !== true };
      const { job } = await made.collections.run(asked, { requireDatabaseCopy });
      assert.equal(job.status, 'Failed');
      assert.equal(job.errors[0]!.code, code);
      assert.match(job.errors[0]!.message, why);
      assert.ok(job.errors[0]!.recommendations.length > 0);
      assert.equal((await listPacks(rig.db.queries, vaultId, { state: 'condemned' })).length, 0);
      if (isLiftable) assert.equal((await made.collections.run({ approved: true })).job.status, 'Completed');
    });
});

void describe('a backup beside a collection that finds again what is on its way out', () => {
  const moments = [
    ['mark', 1],
    ['decide', 1],
    ['decide', 2],
    ['drop', 2],
    ['compact', 2],
    ['compacted', 2],
  ] as const;
  for (const [step, run] of moments)
    test(`at '${step}' of run ${run}: no point is lost`, async () => {
      const made = await CollectRig.open();
      await using rig = made.rig;
      const { dedupePath } = await rig.tools.stores.open(rig.item.vaultId);
      const stale = join(rig.folder, 'stale.sqlite');
      await cp(dedupePath, stale);
      let met = 0;
      const onStep = async (at: string): Promise<void> => {
        if (at !== step || ++met !== 1) return;
        // an index that has forgotten nothing offers what is on its way out
        for (const suffix of ['-wal', '-shm']) await rm(dedupePath + suffix, { force: true });
        await cp(stale, dedupePath);
        await rig.host.write(MACHINE, 0, ALIGNED, OLD_BYTES);
        const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
        // refused once, it is tried again and stores the bytes anew
        for (let tries = 0; tries < 2 && (await rig.job(id)).endTime === undefined; tries++) {
          await rig.runner.runOne();
          await rig.clock.turn(20_000);
        }
        assert.equal((await rig.job(id)).status, 'Completed', JSON.stringify((await rig.job(id)).errors));
        made.hashes.set((await rig.points())[0]!.id, await rig.diskHashes());
      };
      await made.collections.run({ approved: true }, run === 1 ? { onStep } : {});
      await rig.clock.turn(DAY_MS);
      await made.collections.run({ approved: true }, run === 2 ? { onStep } : {});
      assert.ok(met > 0, 'the step was met');
      await rig.clock.turn(7 * DAY_MS);
      assert.equal((await made.collections.run({ approved: true })).job.status, 'Completed');
      await made.assertAllRestore(`a backup at ${step}`);
    });
});

test('a backup whose bytes are collected between its reading and its commit is tried again, and stores them anew', async () => {
  let beforePut = async (_name: string): Promise<void> => {};
  const made = await CollectRig.open((backend) =>
    over(backend, {
      put: async (name, bytes, signal) => {
        await beforePut(name);
        return backend.put(name, bytes, signal);
      },
    }),
  );
  await using rig = made.rig;
  const { dedupePath } = await rig.tools.stores.open(rig.item.vaultId);
  const stale = join(rig.folder, 'stale.sqlite');
  await cp(dedupePath, stale);
  await made.collections.run({ approved: true });
  await rig.clock.turn(DAY_MS);
  await cp(stale, dedupePath);
  await rig.host.write(MACHINE, 0, ALIGNED, OLD_BYTES);
  const packs: number[] = [];
  beforePut = async (name) => {
    if (!name.startsWith('p/')) return;
    // the leaf is ready, so what it refers to was found
    beforePut = async () => {};
    const { report } = await made.collections.run();
    packs.push(report!.compacted);
  };
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  await rig.runner.runOne();
  assert.deepEqual(packs, [1], 'the pack was compacted while the backup was under way');
  assert.equal((await rig.job(id)).endTime, undefined, 'the commit was refused');
  await rig.clock.turn(20_000);
  await rig.runner.runOne();
  assert.equal((await rig.job(id)).status, 'Completed');
  made.hashes.set((await rig.points())[0]!.id, await rig.diskHashes());
  await rig.clock.turn(7 * DAY_MS);
  assert.equal((await made.collections.run({ approved: true })).report!.trashed, 1);
  await made.assertAllRestore('after the old object is gone');
});

test('the power goes before and after every change that collections make; nothing is lost and all is freed', async () => {
  let made = await CollectRig.open();
  await using _first = made.rig;
  await made.collections.run({ approved: true });
  await made.rig.clock.turn(DAY_MS);
  let cuts = 0;
  const { folder } = made.rig;
  for (let cut = 0; ; cut++) {
    assert.ok(cut < 40, 'it comes to an end');
    const power = new PowerSwitch();
    power.when = cut % 2 === 0 ? 'before' : 'after';
    made = await made.reborn({ wrap: (backend) => power.wrap(backend) });
    await made.rig.clock.turn(31_000); // the lease of the dead runner is over
    // what a server writes when it comes to the store is not what is looked at here
    await assertStoreAgrees(made.rig.tools, made.rig.item.vaultId);
    power.cutAt = power.changes + Math.floor(cut / 2) + 1;
    const outcome = await Promise.race([made.collections.run({ approved: true }), power.off]);
    if (!outcome) {
      cuts++;
      continue;
    }
    assert.equal(outcome.job.status, 'Completed', JSON.stringify(outcome.job.errors));
    if (Object.values(outcome.report!.waiting).every((count) => count === 0)) break;
    await made.rig.clock.turn(7 * DAY_MS);
    cut = -1;
  }
  assert.ok(cuts >= 8, `the power went ${cuts} times`);
  made = await made.reborn();
  await using last = made.rig;
  assert.equal(last.folder, folder);
  await made.assertAllRestore('after all cuts');
  await made.collectAll();
  await made.assertAllRestore('at the end');
  await made.backUp();
});

void describe('packs that nobody has written down', () => {
  test('are adopted when seen for a day, then collected; stray generations go to the trash', async () => {
    const made = await CollectRig.open();
    await using rig = made.rig;
    await made.collectAll();
    const { store } = await rig.tools.stores.open(rig.item.vaultId);
    const [known] = await listPacks(rig.db.queries, rig.item.vaultId, { state: 'live' });
    // a session puts a pack and dies before it is written down; a compaction dies after its put
    const orphans = await putOrphans(store);
    const stray = await compactPack(store.backend, store.structKeys, known!, () => true);
    const first = await made.collections.run();
    assert.deepEqual([first.report!.adopted, first.report!.waiting.unknown, first.report!.waiting.trash], [0, 2, 1]);
    await rig.clock.turn(DAY_MS);
    const second = await made.collections.run({ approved: true });
    assert.deepEqual([second.report!.adopted, second.report!.condemned], [2, 2]);
    const names = [...orphans, stray].map(({ name }) => name);
    for (const name of names) assert.ok(await store.backend.head(name));
    await made.collectAll();
    for (const name of names) assert.equal(await store.backend.head(name), undefined);
    await made.assertAllRestore('after all was collected');
  });

  test('one that its session writes down at last is the session\u2019s again', async () => {
    const made = await CollectRig.open();
    await using rig = made.rig;
    const { vaultId } = rig.item;
    const { store } = await rig.tools.stores.open(vaultId);
    const [{ packId }] = (await putOrphans(store)) as [PackRecord];
    await made.collections.run({ approved: true });
    await rig.clock.turn(DAY_MS);
    assert.equal((await made.collections.run({ approved: true })).report!.adopted, 2);
    const written = { ...(await getPack(rig.db.queries, vaultId, packId))!, sessionId: 'late' };
    await recordSessionPack(rig.db.queries, written);
    const { sessionId, state } = (await getPack(rig.db.queries, vaultId, packId))!;
    assert.deepEqual({ sessionId, state }, { sessionId: 'late', state: 'live' });
  });
});

test('a database that is older than the deletions is told, and nothing is collected', async () => {
  const made = await CollectRig.open();
  await using first = made.rig;
  const old = join(first.folder, 'old.sqlite');
  await first.db.copyTo(old);
  await made.collections.run({ approved: true });
  await first.clock.turn(DAY_MS);
  assert.ok((await made.collections.run({ approved: true })).report!.dropped > 0);
  const before = await made.objects();
  const back = await made.reborn({ database: old });
  await using _rig = back.rig;
  const { job } = await back.collections.run({ approved: true });
  assert.equal(job.errors[0]?.code, 'StoreReconcileRequired');
  assert.deepEqual(await back.objects(), before);
  await back.assertAllRestore('with the old database');
});

test('a deletion mark of another database ends the run before anything is deleted', async () => {
  const made = await CollectRig.open();
  await using rig = made.rig;
  await made.collections.run({ approved: true });
  await rig.clock.turn(DAY_MS);
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const before = await made.stored();
  const onStep = async (step: string) => {
    if (step === 'forget') await store.backend.put('gc/1', Buffer.from('another'));
  };
  const { job } = await made.collections.run({ approved: true }, { onStep });
  assert.equal(job.errors[0]?.code, 'StoreReconcileRequired');
  assert.deepEqual(await made.stored(), before);
  assert.ok((await getStoreState(rig.db.queries, rig.item.vaultId)).reconcile);
  await made.assertAllRestore('with two databases');
});

/** Two packs in the store that no row names, one of chunks and one of a leaf. */
const putOrphans = async (store: Store): Promise<readonly PackRecord[]> => {
  const packs: PackRecord[] = [];
  const { backend, workerKeys: keys } = store;
  const onPack = (pack: PackRecord) => void packs.push(pack);
  const writer = new LeafWriter({ backend, keys, chunkSizeBytes: 65_536, onPack });
  const extents = [{ kind: 'data' as const, offset: 0, length: 65_536 }];
  const leaf = { index: 0, diskSizeBytes: 65_536, parent: null, extents, whole: true };
  await writer.writeLeaf(leaf, () => randomBytes(65_536));
  await writer.finish();
  assert.equal(packs.length, 2);
  return packs;
};

test('packs in a place that lets nobody delete wait, and the run goes on', async () => {
  let refused = 0;
  let isRefusing = true;
  const made = await CollectRig.open((backend) =>
    over(backend, {
      delete: async (name) => {
        if (!isRefusing || !name.startsWith('p/')) return backend.delete(name);
        refused++;
        throw new CodedError('DaemonRefused', 'Nothing is deleted through this socket.');
      },
    }),
  );
  await using rig = made.rig;
  await made.collections.run({ approved: true });
  await rig.clock.turn(DAY_MS);
  const { job, report } = await made.collections.run();
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  assert.ok(refused > 0);
  assert.equal(report!.dropped, 0);
  assert.ok(report!.waiting.lock > 0, JSON.stringify(report!.waiting));
  isRefusing = false;
  assert.ok((await made.collections.run()).report!.dropped > 0);
  await made.assertAllRestore('after what was refused was dropped');
});
