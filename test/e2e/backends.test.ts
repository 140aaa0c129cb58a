import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { isCoded } from '../../src/lib/error.ts';
import type { AzureBlobSpec, Backend, LockSpec, S3Spec } from '../../src/store/backend.ts';
import { backendContract, listed } from '../../src/store/backends/backend.contract.ts';
import { lockContract } from '../../src/store/backends/lock.contract.ts';
import { openBackend } from '../../src/store/openBackend.ts';
import { probeBackend, requireSuitable } from '../../src/store/probe.ts';
import { listPoints, verifyAll } from '../../src/store/rescue.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { assertRestores, backUp, commitBody, KEK, newStore } from '../../src/store/testing/backup.ts';
import { SparseDisk } from '../../src/store/testing/sparseDisk.ts';
import type { DiskRoot } from '../../src/store/tree.ts';
import { type Azurite, startAzurite, whyNoAzurite } from '../servers/azurite.ts';
import { type CephNode, type S3User, startCeph, whyNoCeph } from '../servers/ceph.ts';
import { azureContainer } from './azureContainer.ts';
import { readPolicy } from './bucketPolicy.ts';
import { ownerOf, type S3Owner } from './s3Owner.ts';

const MANY = 1100;
const DAY_MS = 86_400_000;
const GOVERNANCE: LockSpec = { mode: 'governance', landingDays: 7 };
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const ioFailed =
  (...patterns: RegExp[]) =>
  (error: unknown): boolean =>
    isCoded(error, 'StoreIoFailed') &&
    patterns.every((pattern) => pattern.test([error.message, ...error.recommendations].join('\n')));

describe('S3, by Ceph', { skip: (await whyNoCeph()) ?? false }, () => {
  let ceph: CephNode;
  let owner: S3Owner;
  let worker: S3User;
  let reaper: S3User;
  let prefixes = 0;

  before(async () => {
    ceph = await startCeph();
    owner = ownerOf(ceph);
    [worker, reaper] = [await ceph.createUser('worker'), await ceph.createUser('reaper')];
    await owner.makeBucket('plain', {});
    await owner.makeBucket('versions', { versions: true });
    await owner.makeBucket('locked', { lock: true });
    await owner.setPolicy('locked', await readPolicy('locked', worker, reaper));
  });
  after(() => ceph?.stop());

  const spec = (bucket: string, more: Partial<S3Spec> = {}): S3Spec => ({
    kind: 's3',
    endpoint: ceph.endpoint,
    region: ceph.region,
    bucket,
    prefix: `stores/${++prefixes}/`,
    credentials: ceph,
    ...more,
  });

  backendContract('S3', async () => openBackend(spec('plain')));
  backendContract('S3 that keeps versions', async () => openBackend(spec('versions')));
  lockContract(
    'S3, by the rights of a worker',
    async () => openBackend(spec('locked', { lock: GOVERNANCE, credentials: worker })),
    systemClock.now,
  );

  it('lists more than a page', async () => {
    await listsMany(openBackend(spec('plain')));
  });

  it('keeps its promises, as owner and as worker', async () => {
    for (const place of [spec('plain'), spec('versions'), spec('locked', { lock: GOVERNANCE, credentials: worker })]) {
      const report = await probeBackend(openBackend(place), { clock: systemClock });
      assert.deepEqual(
        report.promises.filter(({ kept }) => !kept),
        [],
      );
      assert.equal(report.promises.length, place.lock ? 12 : 9);
      assert.ok(Math.abs(report.clockDifferenceMs ?? Number.NaN) < 5000, `${report.clockDifferenceMs} ms`);
    }
  });

  it('holds a whole store', async () => {
    await holdsStore(openBackend(spec('plain')));
  });

  it('tells of tampering where nothing is locked', async () => {
    const place = spec('plain');
    const { store, root, disk } = await storeWithPoint(openBackend(place));
    const pack = await biggestPack(store.backend);
    const bytes = await store.backend.get(pack);
    bytes[bytes.length >> 1]! ^= 1;
    await owner.put('plain', `${place.prefix}${pack}`, bytes);
    const { damages } = await verifyAll({ backend: openBackend(place), kek: KEK });
    assert.ok(damages.some(({ object }) => object === pack));
    await assert.rejects(assertRestores(store, root, disk), (error) => isCoded(error, 'StoreDataDamaged'));
  });

  it('restores from a locked bucket whatever its owner put over objects or deleted', async () => {
    const place = spec('locked', { lock: GOVERNANCE, credentials: worker });
    const { store, root, disk } = await storeWithPoint(openBackend(place));
    const objects = await listed(store.backend, '');
    let hidden = 0;
    for (const [at, { name }] of objects.entries()) {
      const key = `${place.prefix}${name}`;
      if (at % 2 === 0) await owner.put('locked', key, bytesOf('not yours any more'));
      else await owner.delete('locked', key);
      hidden++;
    }
    assert.ok(hidden >= 5, `${hidden} objects`);
    const reopened = openBackend(place);
    assert.deepEqual(await listed(reopened, ''), objects);
    await assertRestores(await openStore(reopened, KEK), root, disk);
    assert.deepEqual((await verifyAll({ backend: reopened, kek: KEK })).damages, []);
  });

  it('lets a worker neither delete, shorten nor make what was put another', async () => {
    const place = spec('locked', { lock: GOVERNANCE, credentials: worker });
    const backend = openBackend(place);
    await backend.put('fmt', bytesOf('mine'));
    await assert.rejects(backend.delete('fmt'), (error) => isCoded(error, 'StoreObjectLocked'));
    const key = `${place.prefix}fmt`;
    const thief = ownerOf(ceph, worker);
    await assert.rejects(thief.delete('locked', key), /AccessDenied|403/);
    const [version] = await thief.versions('locked', key);
    await assert.rejects(thief.deleteVersion('locked', key, version!, true), /AccessDenied|403/);
    await assert.rejects(thief.retain('locked', key, version!, systemClock.now() + 60_000, true), /AccessDenied|403/);
    await assert.rejects(thief.setPolicy('locked', '{}'), /AccessDenied|403|MethodNotAllowed/);
    assert.equal(textOf(await openBackend(place).get('fmt')), 'mine');
  });

  it('raises governance to compliance by the right to bypass, and extends the time alone by those of a worker', async () => {
    await owner.makeBucket('raised', { lock: true });
    await owner.setPolicy('raised', await readPolicy('raised', worker, reaper, 's3:BypassGovernanceRetention'));
    const place = spec('raised', { lock: GOVERNANCE, credentials: worker });
    await openBackend(place).put('fmt', bytesOf('x'));
    const compliance: LockSpec = { mode: 'compliance', landingDays: 7 };
    const [byWorker, byReaper] = [worker, reaper].map(
      (credentials) => openBackend({ ...place, lock: compliance, credentials }).lock!,
    );
    const until = Math.ceil(systemClock.now() / 1000) * 1000 + 20 * DAY_MS;
    await byWorker!.extend('fmt', until);
    const key = `${place.prefix}fmt`;
    assert.equal(await byReaper!.retainedUntil('fmt'), until);
    assert.equal(await ownerOf(ceph, worker).lockMode('raised', key), 'GOVERNANCE');
    await byReaper!.extend('fmt', until + DAY_MS);
    assert.equal(await byWorker!.retainedUntil('fmt'), until + DAY_MS);
    assert.equal(await ownerOf(ceph, worker).lockMode('raised', key), 'COMPLIANCE');
  });

  it('deletes every version once the lock has ended, by the rights of the reaper', async () => {
    const prefix = `stores/${++prefixes}/`;
    const lock: LockSpec = { mode: 'governance', landingDays: 2_000 / DAY_MS };
    await openBackend(spec('locked', { prefix, lock, credentials: worker })).put('fmt', bytesOf('mine'));
    await owner.put('locked', `${prefix}fmt`, bytesOf('put over it'));
    await owner.delete('locked', `${prefix}fmt`);
    const backend = openBackend(spec('locked', { prefix, lock, credentials: reaper }));
    let refusals = 0;
    for (; refusals < 100 && (await backend.head('fmt')); refusals += 1) {
      await backend
        .delete('fmt')
        .catch((error: unknown) => assert.ok(isCoded(error, 'StoreObjectLocked'), String(error)));
      await systemClock.sleep(100);
    }
    assert.ok(refusals > 1, 'it was never locked');
    assert.deepEqual(await owner.versions('locked', `${prefix}fmt`), []);
    assert.equal(await backend.put('fmt', bytesOf('again')), 'created');
  });

  it('says what is wrong with credentials, bucket, rights and lock', async () => {
    const wrong = { ...spec('plain').credentials, secretAccessKey: 'not the secret' };
    const tried = async (place: S3Spec) => openBackend(place).put('fmt', bytesOf('x'));
    await assert.rejects(tried(spec('plain', { credentials: wrong })), ioFailed(/403/, /secret/));
    await assert.rejects(tried(spec('nowhere')), ioFailed(/'nowhere'/, /never makes its bucket/));
    await assert.rejects(tried(spec('plain', { credentials: worker })), ioFailed(/403/, /storage-places/));
    await assert.rejects(tried(spec('plain', { lock: GOVERNANCE })), (error) => isCoded(error, 'StorePlaceUnsuitable'));
    await assert.rejects(tried(spec('versions', { lock: GOVERNANCE })), ioFailed(/400|InvalidRequest/, /object lock/));
    await assert.rejects(openBackend(spec('nowhere')).head('fmt'), ioFailed(/'nowhere'/));
  });
});

describe('Azure Blob, by Azurite', { skip: (await whyNoAzurite()) ?? false }, () => {
  let azurite: Azurite;
  let prefixes = 0;
  before(async () => {
    azurite = await startAzurite();
    await azureContainer(azurite, 'vaults').create();
  });
  after(() => azurite?.stop());

  const spec = (more: Partial<AzureBlobSpec> = {}): AzureBlobSpec => ({
    kind: 'azureBlob',
    endpoint: azurite.endpoint,
    container: 'vaults',
    prefix: `stores/${++prefixes}/`,
    credentials: azurite,
    ...more,
  });

  backendContract('Azure Blob', async () => openBackend(spec()));

  it('lists more than a page', async () => {
    await listsMany(openBackend(spec()));
  });

  it('keeps its promises', async () => {
    const report = await probeBackend(openBackend(spec()), { clock: systemClock });
    requireSuitable(report);
    assert.ok(Math.abs(report.clockDifferenceMs ?? Number.NaN) < 5000, `${report.clockDifferenceMs} ms`);
  });

  it('holds a whole store, and tells of tampering', async () => {
    const place = spec();
    const store = await holdsStore(openBackend(place));
    const pack = await biggestPack(store.backend);
    const bytes = await store.backend.get(pack);
    bytes[bytes.length >> 1]! ^= 1;
    await azureContainer(azurite, 'vaults').put(`${place.prefix}${pack}`, bytes);
    const { damages } = await verifyAll({ backend: openBackend(place), kek: KEK });
    assert.ok(damages.some(({ object }) => object === pack));
  });

  it('says what is wrong with credentials, container and lock', async () => {
    const tried = async (place: AzureBlobSpec) => openBackend(place).put('fmt', bytesOf('x'));
    const accountKey = randomBytes(64).toString('base64');
    const credentials = { accountName: azurite.accountName, accountKey };
    await assert.rejects(tried(spec({ credentials })), ioFailed(/403/, /secret/));
    await assert.rejects(tried(spec({ container: 'nowhere' })), ioFailed(/'nowhere'/, /never makes its bucket/));
    const unlocked = openBackend(spec({ lock: GOVERNANCE }));
    const report = await probeBackend(unlocked, { clock: systemClock });
    assert.ok(report.promises.some(({ promise, kept }) => promise === 'lock at the put' && !kept));
    await assert.rejects(
      unlocked.lock!.extend((await listed(unlocked, 'probe/'))[0]?.name ?? '', systemClock.now() + DAY_MS),
      (error) => isCoded(error, 'StorePlaceUnsuitable') && /immutability/.test(error.message),
    );
  });
});

const listsMany = async (backend: Backend): Promise<void> => {
  const names = Array.from({ length: MANY }, (_, at) => `p/ab/${String(at).padStart(5, '0')}`);
  for (let at = 0; at < MANY; at += 20) {
    await Promise.all(names.slice(at, at + 20).map((name) => backend.put(name, bytesOf(name))));
  }
  assert.deepEqual(
    (await listed(backend, 'p/')).map(({ name }) => name),
    names,
  );
};

const storeWithPoint = async (backend: Backend): Promise<{ store: Store; root: DiskRoot; disk: SparseDisk }> => {
  const store = await newStore(backend);
  const disk = new SparseDisk(3_000_000);
  disk.write(70_000, randomBytes(900_000));
  disk.write(2_500_000, randomBytes(1_000));
  const { root } = await backUp(store, disk);
  const { name, bytes } = store.sealCommit(commitBody(store, 1, root));
  await store.putCommit(name, bytes);
  return { store, root, disk };
};

const holdsStore = async (backend: Backend): Promise<Store> => {
  const { store, root, disk } = await storeWithPoint(backend);
  disk.write(1_000_000, randomBytes(5_000));
  const changes = [{ offset: 983_040, length: 131_072, kind: 'data' }] as const;
  const second = await backUp(store, disk, { parent: root, changes });
  const { name, bytes } = store.sealCommit(commitBody(store, 2, second.root));
  await store.putCommit(name, bytes);
  await assertRestores(await openStore(backend, KEK), second.root, disk);
  const access = { backend, kek: KEK };
  assert.deepEqual(
    (await listPoints(access)).points.map(({ pointId }) => pointId),
    ['point-1', 'point-2'],
  );
  assert.deepEqual((await verifyAll(access)).damages, []);
  return store;
};

const biggestPack = async (backend: Backend): Promise<string> => {
  const packs = await listed(backend, 'p/');
  return packs.toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0]!.name;
};
