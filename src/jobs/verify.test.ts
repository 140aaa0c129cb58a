import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { damagesOf, listDamages } from '../db/damages.ts';
import { packsToVerify, suspectPacks } from '../db/packVerification.ts';
import { getStoreState } from '../db/storeStates.ts';
import type { Backend, ObjectRange } from '../store/backend.ts';
import { openBackend, replicatedBackend } from '../store/openBackend.ts';
import { verifyAll } from '../store/rescue.ts';
import { type Job, subTask, TRANSFER_DATA } from '../vault/job.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';
import { recoverCommits } from './recoverCommits.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

const DAY_MS = 86_400_000;
const CHUNK = 131_072;

/** A day apart; the point with its disks' hashes. */
const backUp = async (rig: VaultRig) => {
  await rig.clock.turn(DAY_MS);
  const job = await rig.backUp();
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  return { job, point: (await rig.points())[0]!, hashes: await rig.diskHashes() };
};

const packsOf = (rig: VaultRig) => packsToVerify(rig.db.queries, rig.item.vaultId, { limit: 1000 });

const fileOf = (rig: VaultRig, object: string): string => join(rig.tools.stores.storeFolder(rig.item.vaultId), object);

const flip = async (file: string, at = 100): Promise<void> => {
  const bytes = await readFile(file);
  bytes[at]! ^= 4;
  await writeFile(file, bytes);
};

const shown = async (rig: VaultRig, point: RecoveryPoint) =>
  (await damagesOf(rig.db.queries, point))?.disks.map(({ lun, ranges }) => ({ lun, ranges }));

const note = (job: Job): string => subTask(job, TRANSFER_DATA)!.note!;

test('a store that is whole: everything is compared and opened, and the coverage is shown', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  await backUp(rig);
  await rig.host.write(MACHINE, 0, 50_000_000, randomBytes(10));
  await backUp(rig);
  const before = await packsOf(rig);
  assert.ok(before.length > 3 && before.every(({ verifiedAt }) => verifiedAt === null));
  const job = await rig.housekeep('Verify');
  assert.equal(job.status, 'Completed', JSON.stringify(job));
  assert.ok((await packsOf(rig)).every(({ verifiedAt }) => verifiedAt === rig.clock.now()));
  const { lastVerify } = await getStoreState(rig.db.queries, rig.item.vaultId);
  const { objects, points, neverVerified, damaged, oldestVerifiedAt, openedBytes } = lastVerify!;
  // fmt, keys/1, two commit objects, and the packs
  assert.ok(Number(objects) >= before.length + 4);
  assert.deepEqual({ points, neverVerified, damaged }, { points: 2, neverVerified: 0, damaged: 0 });
  assert.equal(oldestVerifiedAt, rig.clock.now());
  assert.equal(openedBytes, 4 * CHUNK, 'what two points share is opened once');
});

test('a lost pack: ranges of the points, an error that names them, and the next backup heals unchanged blocks', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 2 * CHUNK, randomBytes(2 * CHUNK));
  await rig.host.write(MACHINE, 0, 9 * CHUNK, randomBytes(CHUNK));
  const first = await backUp(rig);
  const [data] = (await packsOf(rig)).filter(({ kind }) => kind === 'data');
  await rig.host.write(MACHINE, 0, 68_000_000, randomBytes(10));
  const second = await backUp(rig);
  await rm(fileOf(rig, data!.name));

  const verify = await rig.housekeep('Verify');
  assert.equal(verify.status, 'CompletedWithWarnings');
  assert.equal(verify.propertyBag['Damaged Packs'], '1');
  const ranges = [
    { offset: 2 * CHUNK, length: 2 * CHUNK },
    { offset: 9 * CHUNK, length: CHUNK },
  ];
  for (const { point } of [first, second]) assert.deepEqual(await shown(rig, point), [{ lun: 0, ranges }]);
  const { job: refused } = await rig.restore(second.point);
  assert.equal(refused.status, 'Failed');
  assert.equal(refused.errors[0]!.code, 'StoreObjectMissing');
  assert.match(refused.errors[0]!.message, new RegExp(`point ${second.point.id}, disk 'data' \\(LUN 0\\)`));
  assert.match(refused.errors[0]!.message, /Bytes 262144 to 393215/);
  assert.match(refused.errors[0]!.message, new RegExp(data!.packId));

  const third = await backUp(rig);
  assert.match(note(third.job), /393216 bytes of data were stored anew/);
  assert.deepEqual((await rig.restore(third.point)).hashes, third.hashes, 'the new point is whole');
  await rig.housekeep('Verify');
  assert.equal(await shown(rig, third.point), undefined);
  assert.deepEqual(await shown(rig, first.point), [{ lun: 0, ranges }], 'the old ones stay damaged');

  const fourth = await backUp(rig);
  assert.doesNotMatch(note(fourth.job), /anew/, 'there is nothing left to heal');
});

test('whichever pack is lost, the next backup heals it', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(4 * CHUNK));
  await rig.host.write(MACHINE, 0, 68_000_000, randomBytes(100));
  await rig.host.write(MACHINE, -1, 0, randomBytes(100));
  await backUp(rig);
  let healed = 0;
  for (const { name, kind } of (await packsOf(rig)).slice(0, 3)) {
    const bytes = await readFile(fileOf(rig, name));
    await rm(fileOf(rig, name));
    // what was verified at this very moment is not looked at again
    await rig.clock.turn(1000);
    // found by a verification, or by a restore that fails
    if (healed % 2 === 0) await rig.housekeep('Verify', { budgetBytes: 2 ** 30 });
    else await rig.restore((await rig.points())[0]!);
    await rig.host.write(MACHINE, 0, 12 * CHUNK, randomBytes(10));
    const { point, hashes, job } = await backUp(rig);
    assert.deepEqual((await rig.restore(point)).hashes, hashes, kind);
    if (/stored anew/.test(note(job))) healed++;
    await writeFile(fileOf(rig, name), bytes, { flag: 'wx' });
    await rig.housekeep('Verify');
  }
  assert.ok(healed >= 1, 'the first one is of the newest point in any case');
});

test('a pack that comes back is whole again', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point, hashes } = await backUp(rig);
  const [data] = (await packsOf(rig)).filter(({ kind }) => kind === 'data');
  const bytes = await readFile(fileOf(rig, data!.name));
  await flip(fileOf(rig, data!.name));
  await rig.housekeep('Verify');
  assert.equal((await listDamages(rig.db.queries, rig.item.vaultId)).length, 1);
  assert.equal((await rig.restore(point)).job.status, 'Failed');
  await writeFile(fileOf(rig, data!.name), bytes);
  assert.equal((await rig.housekeep('Verify')).status, 'Completed');
  assert.deepEqual(await listDamages(rig.db.queries, rig.item.vaultId), []);
  assert.deepEqual((await rig.restore(point)).hashes, hashes);
});

test('one bad record: only its cells are lost, and dedupe does not offer the pack any more', async () => {
  await using rig = await VaultRig.open();
  const content = randomBytes(4 * CHUNK);
  await rig.host.write(MACHINE, 0, 0, content);
  const { point } = await backUp(rig);
  const [data] = (await packsOf(rig)).filter(({ kind }) => kind === 'data');
  await flip(fileOf(rig, data!.name), 68 + 5);
  await rig.housekeep('Verify');
  assert.deepEqual(await shown(rig, point), [{ lun: 0, ranges: [{ offset: 0, length: CHUNK }] }]);
  const { dedupePath } = await rig.tools.stores.open(rig.item.vaultId);
  using index = new DatabaseSync(dedupePath, { readOnly: true });
  assert.equal(index.prepare('SELECT count(*) AS n FROM packs WHERE pack = ?').get(data!.packId)!.n, 0);
  await rig.host.write(MACHINE, 0, 40 * CHUNK, content);
  const next = await backUp(rig);
  assert.deepEqual((await rig.restore(next.point)).hashes, next.hashes);
});

test('a lost pack of nodes: all under it is lost, and is healed', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point } = await backUp(rig);
  for (const { name } of (await packsOf(rig)).filter(({ kind }) => kind === 'meta')) await rm(fileOf(rig, name));
  await rig.housekeep('Verify');
  assert.deepEqual(await shown(rig, point), [{ lun: 0, ranges: [{ offset: 0, length: 70 * 2 ** 20 }] }]);
  const next = await backUp(rig);
  assert.deepEqual((await rig.restore(next.point)).hashes, next.hashes);
});

test('a restore that stumbles over damage marks it: the next backup heals without a verification between', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point } = await backUp(rig);
  const [data] = (await packsOf(rig)).filter(({ kind }) => kind === 'data');
  await rm(fileOf(rig, data!.name));
  assert.equal((await rig.restore(point)).job.status, 'Failed');
  const next = await backUp(rig);
  assert.match(note(next.job), /131072 bytes of data were stored anew/);
  assert.deepEqual((await rig.restore(next.point)).hashes, next.hashes);
});

test('a read that errs once is counted and looked into, and is no damage', async () => {
  let lies = 0;
  let isLying = false;
  const lying = (inner: Backend): Backend =>
    over(inner, {
      get: async (name, range) => {
        const bytes = await inner.get(name, range);
        if (isLying && name.startsWith('p/') && lies++ % 2 === 0) bytes[Math.floor(bytes.length / 2)]! ^= 1;
        return bytes;
      },
    });
  await using rig = await VaultRig.open({}, { wrap: lying });
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point, hashes } = await backUp(rig);
  isLying = true;
  assert.deepEqual((await rig.restore(point)).hashes, hashes);
  assert.ok(
    (await suspectPacks(rig.db.queries, rig.item.vaultId, { limit: 10 })).length > 0,
    'it is to be looked into',
  );
  const job = await rig.housekeep('Verify');
  assert.ok(lies > 3);
  assert.equal(job.status, 'Completed', JSON.stringify(job));
  assert.ok(Number(job.propertyBag['Reads Repeated']) > 0);
  isLying = false;
  assert.deepEqual(await suspectPacks(rig.db.queries, rig.item.vaultId, { limit: 10 }), []);
});

const over = (inner: Backend, more: Partial<Backend>): Backend => ({
  put: (name, bytes) => inner.put(name, bytes),
  get: (name: string, range?: ObjectRange) => inner.get(name, range),
  head: (name) => inner.head(name),
  list: (prefix) => inner.list(prefix),
  delete: (name) => inner.delete(name),
  ...more,
});

/** The rig's store with two more copies of every object, in other folders. */
const threeCopies =
  (folders: readonly string[]) =>
  (first: Backend): Backend => {
    const copies = [first, ...folders.map((folder) => openBackend({ kind: 'disk', folder }))];
    return replicatedBackend(
      copies.map((backend, index) => ({ name: `copy-${index}`, backend })),
      3,
    );
  };

test('with copies: restores go on with a good one, and the bad ones are replaced', async () => {
  await using scratch = await VaultRig.open();
  const folders = [join(scratch.folder, 'copy-2'), join(scratch.folder, 'copy-3')];
  await using rig = await VaultRig.open({}, { wrap: threeCopies(folders) });
  await rig.host.write(MACHINE, 0, 0, randomBytes(3 * CHUNK));
  const { point, hashes } = await backUp(rig);
  const filled = await rig.housekeep('Verify');
  assert.equal(filled.propertyBag['Copies Repaired'], '4', 'fmt and keys/1 went to both of the other copies');
  const copies = [rig.tools.stores.storeFolder(rig.item.vaultId), ...folders];
  const [data, meta] = ['data', 'meta'].map(async (of) => (await packsOf(rig)).find(({ kind }) => kind === of)!.name);
  const names = { data: await data!, meta: await meta!, commit: point.vaulted!.commitName };
  const good = await readFile(join(copies[2]!, names.data));
  await flip(join(copies[0]!, names.data));
  await flip(join(copies[1]!, names.data), 5000);
  await rm(join(copies[0]!, names.meta));
  await flip(join(copies[0]!, names.commit));
  await rm(join(copies[1]!, names.commit));
  await flip(join(copies[1]!, 'keys/1'));
  assert.deepEqual((await rig.restore(point)).hashes, hashes);
  await rig.clock.turn(1000);
  const job = await rig.housekeep('Verify');
  assert.equal(job.status, 'Completed', JSON.stringify(job.propertyBag));
  assert.equal(job.propertyBag['Copies Repaired'], '6');
  for (const copy of copies) assert.equal(Buffer.compare(await readFile(join(copy, names.data)), good), 0);
  for (const copy of copies) {
    const kek = { kind: 'file', bytes: await readFile(rig.tools.stores.keyFile(rig.item.vaultId)) } as const;
    assert.deepEqual((await verifyAll({ backend: openBackend({ kind: 'disk', folder: copy }), kek })).damages, []);
  }
  assert.deepEqual(await listDamages(rig.db.queries, rig.item.vaultId), []);
});

test('a lost or spoilt commit object is made again under its number, and the chain holds', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const first = await backUp(rig);
  const second = await backUp(rig);
  const third = await backUp(rig);
  await rm(fileOf(rig, first.point.vaulted!.commitName));
  await flip(fileOf(rig, third.point.vaulted!.commitName));
  const job = await rig.housekeep('Verify');
  assert.equal(job.status, 'Completed', JSON.stringify(job.propertyBag));
  assert.equal(job.propertyBag['Copies Repaired'], '2');
  const points = await rig.points();
  assert.deepEqual(
    points.map(({ id }) => id),
    [third, second, first].map(({ point }) => point.id),
  );
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  for (const point of points) {
    const body = await store.openCommit(point.vaulted!.commitName);
    assert.deepEqual([body.pointId, body.cseq], [point.id, point.vaulted!.cseq]);
  }
  const kek = { kind: 'file', bytes: await readFile(rig.tools.stores.keyFile(rig.item.vaultId)) } as const;
  assert.deepEqual((await verifyAll({ backend: store.backend, kek, clock: rig.clock })).damages, []);
  const fourth = await backUp(rig);
  await rm(fileOf(rig, (await rig.points())[3]!.vaulted!.commitName));
  assert.equal((await rig.housekeep('Verify')).status, 'Completed', 'lost a second time');
  assert.deepEqual((await verifyAll({ backend: store.backend, kek, clock: rig.clock })).damages, []);
  assert.deepEqual((await rig.restore(fourth.point)).hashes, fourth.hashes);
});

test('a lost `fmt` is made again, lost keys are told', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point, hashes } = await backUp(rig);
  await rm(fileOf(rig, 'fmt'));
  const mended = await rig.housekeep('Verify');
  assert.equal(mended.status, 'Completed', JSON.stringify(mended.propertyBag));
  await flip(fileOf(rig, 'fmt'), 30);
  await rig.clock.turn(1000);
  assert.equal((await rig.housekeep('Verify')).status, 'Completed');
  await using next = await rig.reborn();
  assert.deepEqual((await next.restore(point)).hashes, hashes);
  await flip(fileOf(next, 'keys/1'), 300);
  const told = await next.housekeep('Verify');
  assert.equal(told.status, 'CompletedWithWarnings');
  assert.match(told.propertyBag['Damaged Objects']!, /keys\/1/);
});

test('a run that was cut off is gone on with: what is verified is not read again', async () => {
  await using rig = await VaultRig.open();
  for (let day = 0; day < 4; day++) {
    await rig.host.write(MACHINE, 0, day * 10 * CHUNK, randomBytes(CHUNK));
    await backUp(rig);
  }
  const all = await packsOf(rig);
  const budgetBytes = Math.floor(all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 2);
  await rig.housekeep('Verify', { scope: 'scrub', budgetBytes });
  const left = (await packsOf(rig)).filter(({ verifiedAt }) => verifiedAt === null);
  assert.ok(left.length > 0 && left.length < all.length);
  const at = rig.clock.now();
  await rig.clock.turn(1000);
  await rig.housekeep('Verify', { scope: 'scrub', budgetBytes: budgetBytes * 1.1 });
  const after = await packsOf(rig);
  assert.equal(after.filter(({ verifiedAt }) => verifiedAt === null).length, 0);
  assert.ok(
    after.some(({ verifiedAt }) => verifiedAt === at),
    'some were left as they were',
  );
});

test('all packs are compared within 30 days, a share each day', async () => {
  await using rig = await VaultRig.open();
  for (let day = 0; day < 6; day++) {
    await rig.host.write(MACHINE, 0, day * 10 * CHUNK, randomBytes(8 * CHUNK));
    await backUp(rig);
  }
  await rig.housekeep('Verify');
  const start = rig.clock.now();
  let mostAtOnce = 0;
  for (let day = 0; day < 30; day++) {
    await rig.clock.turn(DAY_MS);
    await rig.housekeep('Verify', { scope: 'scrub' });
    const now = (await packsOf(rig)).filter(({ verifiedAt }) => verifiedAt === rig.clock.now()).length;
    mostAtOnce = Math.max(mostAtOnce, now);
  }
  const packs = await packsOf(rig);
  assert.ok(packs.every(({ verifiedAt }) => verifiedAt! > start));
  assert.ok(mostAtOnce < packs.length, `${mostAtOnce} of ${packs.length} in one day`);
});

test('one point is opened when asked for; a point that is not there is refused', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point } = await backUp(rig);
  const job = await rig.housekeep('Verify', { pointId: point.id });
  assert.deepEqual([job.status, job.propertyBag['Recovery Points Opened']], ['Completed', '1']);
  const refused = await rig.housekeep('Verify', { pointId: '7' });
  assert.deepEqual([refused.status, refused.errors[0]?.code], ['Failed', 'ResourceNotFound']);
});

test('an empty place is refused: nothing is marked, and all is there when it is back', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point, hashes } = await backUp(rig);
  const folder = rig.tools.stores.storeFolder(rig.item.vaultId);
  await rename(folder, `${folder}-away`);
  await mkdir(folder);
  const job = await rig.housekeep('Verify');
  assert.deepEqual([job.status, job.errors[0]?.code], ['Failed', 'StoreNotAVault']);
  await rm(folder, { recursive: true });
  await rename(`${folder}-away`, folder);
  assert.deepEqual(await listDamages(rig.db.queries, rig.item.vaultId), []);
  assert.equal((await rig.housekeep('Verify')).status, 'Completed');
  assert.deepEqual((await rig.restore(point)).hashes, hashes);
});

test('a secondary: the primary is repaired from it, and it from the primary', async () => {
  const places = { local: ['near'], zones: [], secondary: ['far'] };
  await using rig = await VaultRig.open({}, { redundancy: 'GeoRedundant', places });
  await rig.host.write(MACHINE, 0, 0, randomBytes(3 * CHUNK));
  const { point, hashes } = await backUp(rig);
  assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
  const at = (place: string, object: string): string => join(rig.folder, 'places', place, rig.item.vaultId, object);
  const [data] = (await packsOf(rig)).filter(({ kind }) => kind === 'data');
  const [meta] = (await packsOf(rig)).filter(({ kind }) => kind === 'meta');
  await rm(at('near', data!.name));
  await flip(at('near', point.vaulted!.commitName));
  await flip(at('far', meta!.name));
  const job = await rig.housekeep('Verify');
  assert.deepEqual([job.status, job.propertyBag['Copies Repaired']], ['Completed', '3'], JSON.stringify(job));
  for (const object of [data!.name, meta!.name, point.vaulted!.commitName])
    assert.equal(Buffer.compare(await readFile(at('near', object)), await readFile(at('far', object))), 0);
  assert.deepEqual((await rig.restore(point)).hashes, hashes);
  assert.deepEqual(await listDamages(rig.db.queries, rig.item.vaultId), []);
});

test('a commit object that was decided anew and not put when the server died is put by the next one', async () => {
  let isDying = false;
  const dying = (inner: Backend): Backend =>
    over(inner, {
      put: async (name, bytes) => {
        if (isDying && name.startsWith('rp/')) throw new Error('the server died');
        return inner.put(name, bytes);
      },
    });
  await using rig = await VaultRig.open({}, { wrap: dying });
  await rig.host.write(MACHINE, 0, 0, randomBytes(CHUNK));
  const { point, hashes } = await backUp(rig);
  await backUp(rig);
  await rm(fileOf(rig, point.vaulted!.commitName));
  isDying = true;
  assert.equal((await rig.housekeep('Verify')).status, 'Failed');
  await using next = await rig.reborn();
  await recoverCommits(next.tools);
  const made = (await next.points())[1]!;
  assert.equal(made.id, point.id);
  assert.notEqual(made.vaulted!.commitName, point.vaulted!.commitName);
  const { store } = await next.tools.stores.open(next.item.vaultId);
  assert.equal((await store.openCommit(made.vaulted!.commitName)).replaces, point.vaulted!.commitName.slice(-64));
  assert.equal((await next.housekeep('Verify')).status, 'Completed');
  assert.deepEqual((await next.restore(made)).hashes, hashes);
});

test('who asks for a verification gets all of it, each pack once, whenever it was verified last', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  await backUp(rig);
  await rig.housekeep('Verify');
  const packs = await packsOf(rig);
  const checked = async (parameters: object) => {
    await rig.clock.turn(3_600_000);
    return Number((await rig.housekeep('Verify', { scope: 'scrub', ...parameters })).propertyBag['Objects Checked']);
  };
  const without = await checked({ budgetBytes: 0 });
  assert.equal((await checked({ all: true })) - without, packs.length);
  await rig.clock.turn(3_600_000);
  const deep = await rig.housekeep('Verify', { scope: 'deep', all: true });
  assert.equal(deep.propertyBag['Recovery Points Opened'], '1');
});
