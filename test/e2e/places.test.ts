import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readJournal } from '../../src/db/jobs.ts';
import { listPacks } from '../../src/db/packs.ts';
import { runCollect } from '../../src/jobs/collect.ts';
import { failOver } from '../../src/jobs/failOver.ts';
import { JobRunner } from '../../src/jobs/runner.ts';
import { placeNamed, readStoragePlaces, type StoragePlaces } from '../../src/jobs/storagePlaces.ts';
import { BY, MACHINE, VaultRig } from '../../src/jobs/vaultRig.fixture.ts';
import { MINUTE_MS, systemClock } from '../../src/lib/clock.ts';
import { sha256Of } from '../../src/store/objectHash.ts';
import { openBackend } from '../../src/store/openBackend.ts';
import { specOf } from '../../src/store/place.ts';
import { DaemonProcess, newFolder, removeProtected } from '../../src/store/testing/daemonProcess.ts';
import { isVaulted } from '../../src/vault/recoveryPoint.ts';
import { type Azurite, startAzurite, whyNoAzurite } from '../servers/azurite.ts';
import { type CephNode, startCeph, whyNoCeph } from '../servers/ceph.ts';
import { azureContainer } from './azureContainer.ts';
import { ownerOf } from './s3Owner.ts';

const ZONES = ['zone-disk', 'zone-s3', 'zone-azure'];
const CONTAINER = 'zone';
const BUCKET = 'zone';
const skip = (await whyNoCeph()) ?? (await whyNoAzurite()) ?? false;

describe('a vault in three zones of different kinds with a secondary in a store daemon', { skip }, () => {
  let folder: string;
  let [ceph, azurite, daemon, rig, storage]: [CephNode?, Azurite?, DaemonProcess?, VaultRig?, StoragePlaces?] = [];
  /** What the machine's disks were at each point, by its id. */
  const hashes = new Map<string, ReadonlyMap<number, string>>();

  before(async () => {
    folder = await newFolder();
    daemon = new DaemonProcess(folder);
    [ceph, azurite] = await Promise.all([startCeph(), startAzurite(), daemon.start(['--landing-days', '1'])]);
    await ownerOf(ceph).makeBucket(BUCKET, {});
    await azureContainer(azurite, CONTAINER).create();
    storage = await configuredPlaces(folder, { ceph, azurite, daemon });
    const startAt = systemClock.now();
    rig = await VaultRig.open({}, { storage, startAt, workers: 1, redundancy: 'GeoRedundant' });
  });
  after(async () => {
    await rig?.[Symbol.asyncDispose]();
    await Promise.all([ceph?.stop(), azurite?.stop(), daemon?.kill('SIGTERM')]);
    await removeProtected(folder);
  });

  /** Before anything runs beside the backup: what waits for an answer gives up when the clock is turned. */
  const change = async (bytes = 200_000) => {
    await rig!.clock.turn(120_000);
    await rig!.host.write(MACHINE, 0, 66_000_000, randomBytes(bytes));
  };
  const backUp = async (bytes?: number) => {
    await change(bytes);
    return rig!.backUp();
  };
  const remember = async () => hashes.set((await rig!.points())[0]!.id, await rig!.diskHashes());
  /** Names with the SHA-256 of their bytes, as the place alone has them. */
  const objectsIn = async (place: string): Promise<ReadonlyMap<string, string>> => {
    const backend = openBackend(await specOf(placeNamed(storage!, place), rig!.item.vaultId));
    const found = new Map<string, string>();
    for await (const { name } of backend.list('')) found.set(name, sha256Of(await backend.get(name)));
    return new Map([...found].sort());
  };
  const assertZonesAreEqual = async (least: number) => {
    // what a failed backup left behind is in one zone alone, and a collection's to judge
    const known = (await listPacks(rig!.db.queries, rig!.item.vaultId)).map(({ name }) => name);
    const isKept = ([name]: [string, string]) => !name.startsWith('p/') || known.includes(name);
    const zones = (await Promise.all(ZONES.map(objectsIn))).map((zone) => new Map([...zone].filter(isKept)));
    const [first, ...others] = zones;
    assert.ok(first!.size >= least, `${first!.size} objects`);
    for (const other of others) assert.deepEqual(other, first);
    return first!;
  };

  it('stores every object in all zones, by worker threads, and copies it to the secondary', async () => {
    await rig!.host.write(MACHINE, -1, 0, randomBytes(1_000_000));
    await rig!.host.write(MACHINE, 0, 0, randomBytes(3_000_000));
    const job = await backUp();
    assert.deepEqual([job.status, job.propertyBag.Warnings], ['Completed', undefined], JSON.stringify(job.errors));
    await remember();
    const zone = await assertZonesAreEqual(6);
    const copied = await rig!.housekeep('Replicate');
    assert.equal(copied.status, 'Completed', JSON.stringify(copied));
    assert.deepEqual(await objectsIn('far'), zone);
  });

  it('takes backups while one zone is away and says so; nothing is collected', async () => {
    await azurite!.stop();
    await change();
    const [job, collection] = await Promise.all([rig!.backUp(), collect(rig!)]);
    assert.equal(job.status, 'CompletedWithWarnings', JSON.stringify(job.errors));
    assert.match(job.propertyBag.Warnings ?? '', /stored in 2 of 3 places.*zone-azure: /);
    await remember();
    assert.deepEqual(
      [collection.status, collection.errors[0]?.code],
      ['Failed', 'CollectRefused'],
      JSON.stringify([...(await readJournal(rig!.db.queries, collection.id))]),
    );
    assert.match(collection.errors[0]!.message, /copy 3 of the store cannot be reached/);
  });

  it('calls no backup completed with two zones away', async () => {
    const [zone, away] = [join(folder, 'zone-disk'), join(folder, 'zone-disk-away')];
    await rename(zone, away);
    await writeFile(zone, 'a file where the folder should be');
    let job = await backUp(70_000);
    for (let tries = 1; job.status === 'InProgress' && tries < 12; tries++) {
      await rig!.clock.turn(15 * MINUTE_MS);
      await rig!.runner.runOne();
      job = await rig!.job(job.id);
    }
    assert.deepEqual([job.status, job.errors[0]?.code], ['Failed', 'StoreQuorumMissing']);
    assert.equal((await rig!.points()).filter(isVaulted).length, hashes.size, 'no point is listed that is not stored');
    await rm(zone);
    await rename(away, zone);
  });

  it('fills a zone that comes back empty, and the secondary with what it lacks', async () => {
    azurite = await startAzurite(azurite);
    await azureContainer(azurite, CONTAINER).create();
    await rig!.clock.turn(600_000);
    const job = await rig!.housekeep('Replicate');
    assert.equal(job.status, 'Completed', JSON.stringify(job));
    const zone = await assertZonesAreEqual(9);
    assert.deepEqual(
      [...(await objectsIn('far')).keys()].filter((name) => name.startsWith('rp/')),
      [...zone.keys()].filter((name) => name.startsWith('rp/')),
    );
    const next = await backUp();
    assert.deepEqual([next.status, next.propertyBag.Warnings], ['Completed', undefined], JSON.stringify(next.errors));
    await remember();
    await assertZonesAreEqual(zone.size + 2);
    assert.equal((await rig!.housekeep('Replicate')).status, 'Completed');
  });

  it('restores every point from the secondary after a fail-over', async () => {
    const { missingPoints } = await failOver(rig!.tools, rig!.item.vaultId);
    assert.deepEqual(missingPoints, []);
    const listed = [...(await objectsIn('far')).keys()].filter((name) => name.startsWith('rp/'));
    const points = (await rig!.points()).filter(isVaulted);
    assert.deepEqual(points.map(({ vaulted }) => vaulted!.commitName).sort(), listed);
    assert.equal(points.length, 3);
    for (const point of points) assert.deepEqual((await rig!.restore(point)).hashes, hashes.get(point.id), point.id);
  });
});

/** As an operator writes them down, secrets in files of their own. */
async function configuredPlaces(
  folder: string,
  { ceph, azurite, daemon }: { readonly ceph: CephNode; readonly azurite: Azurite; readonly daemon: DaemonProcess },
): Promise<StoragePlaces> {
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  await mkdir(join(folder, 'zone-disk'));
  const secretAccessKeyFile = await file('s3.secret', ceph.secretAccessKey);
  const accountKeyFile = await file('azure.secret', azurite.accountKey);
  const { endpoint, region, accessKeyId } = ceph;
  const s3 = { kind: 's3', endpoint, region, bucket: BUCKET, accessKeyId, secretAccessKeyFile };
  const { endpoint: blobs, accountName } = azurite;
  const azure = { kind: 'azureBlob', endpoint: blobs, container: CONTAINER, accountName, accountKeyFile };
  const places = [
    { name: 'zone-disk', kind: 'disk', folder: join(folder, 'zone-disk') },
    { name: 'zone-s3', ...s3 },
    { name: 'zone-azure', ...azure },
    { name: 'far', kind: 'daemon', socket: daemon.socket, reaper: { socket: daemon.reaperSocket } },
  ];
  const configuration = JSON.stringify({ places, local: ZONES, zones: ZONES, secondary: ['far'] });
  return readStoragePlaces(await file('storage.json', configuration), folder);
}

async function collect(rig: VaultRig) {
  const vault = { id: rig.item.vaultId, name: 'vault-1' };
  const id = await rig.service.requestHousekeeping(vault, 'Collect', { parameters: {}, by: BY });
  const runner = new JobRunner(rig.tools, { owner: 'collector', handlers: { Collect: runCollect }, concurrency: 1 });
  await runner.runOne();
  return rig.job(id);
}
