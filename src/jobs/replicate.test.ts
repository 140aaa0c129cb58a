import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { sha256Of } from '../store/objectHash.ts';
import { openBackend } from '../store/openBackend.ts';
import { pointPacks } from '../store/pointPacks.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { failBack, failOver, makeSecondaryPrimary } from './failOver.ts';
import type { ReplicationState } from './replicate.ts';
import { restoreDisk } from './restoreDisk.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const ZONES = ['zone-a', 'zone-b', 'zone-c'];
const IN_ZONES = { local: ['here'], zones: ZONES, secondary: [] };
const WITH_SECONDARY = { local: ['here'], zones: [], secondary: ['far'] };

/** Places that can be cut off. */
class Lines {
  readonly cut = new Set<string>();
  /** Called before and after a put to a place. */
  onPut: (place: string, name: string, when: 'before' | 'after') => Promise<void> | void = () => {};
  /** Called after a delete in a place. */
  onDelete: (place: string) => void = () => {};

  readonly wrap = (place: string, backend: Backend): Backend => {
    const pass = (): void => {
      if (this.cut.has(place)) throw new CodedError('StoreIoFailed', 'the line is cut');
    };
    const lines = this;
    return {
      async put(name, bytes, signal) {
        pass();
        await lines.onPut(place, name, 'before');
        const outcome = await backend.put(name, bytes, signal);
        await lines.onPut(place, name, 'after');
        return outcome;
      },
      async get(name, range) {
        pass();
        return backend.get(name, range);
      },
      async head(name) {
        pass();
        return backend.head(name);
      },
      async *list(prefix) {
        pass();
        yield* backend.list(prefix);
      },
      async delete(name) {
        pass();
        await backend.delete(name);
        lines.onDelete(place);
      },
    };
  };
}

const openRig = async (redundancy: 'ZoneRedundant' | 'GeoRedundant', lines = new Lines()): Promise<VaultRig> => {
  const places = redundancy === 'ZoneRedundant' ? IN_ZONES : WITH_SECONDARY;
  const rig = await VaultRig.open({}, { redundancy, places, wrapPlace: lines.wrap });
  await rig.host.write(MACHINE, -1, 0, randomBytes(200_000));
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  return rig;
};

const folderOf = (rig: VaultRig, place: string) => join(rig.folder, 'places', place, rig.item.vaultId);

/** Object names with the hash of their bytes. */
async function objectsOf(rig: VaultRig, place: string): Promise<ReadonlyMap<string, string>> {
  const backend = openBackend({ kind: 'disk', folder: folderOf(rig, place) });
  const found = new Map<string, string>();
  for await (const { name } of backend.list('')) found.set(name, sha256Of(await backend.get(name)));
  return new Map([...found].sort());
}

const replicationOf = async (rig: VaultRig): Promise<ReplicationState> =>
  (await getStoreState(rig.db.queries, rig.item.vaultId)).replication as unknown as ReplicationState;

/** Backs up once more, a day later, after the machine has changed. */
async function backUpNext(rig: VaultRig) {
  await rig.clock.turn(86_400_000);
  await rig.host.write(MACHINE, 0, 66_000_000, randomBytes(100_000));
  return rig.backUp();
}

async function assertZonesAreEqual(rig: VaultRig): Promise<void> {
  const first = await objectsOf(rig, ZONES[0]!);
  assert.ok(first.size > 5);
  for (const zone of ZONES.slice(1)) assert.deepEqual(await objectsOf(rig, zone), first, zone);
}

describe('three zones', () => {
  it('have every object of a backup', async () => {
    await using rig = await openRig('ZoneRedundant');
    assert.equal((await rig.backUp()).status, 'Completed');
    await assertZonesAreEqual(rig);
    const job = await rig.housekeep('Replicate');
    assert.deepEqual([job.status, job.propertyBag['Copied Objects']], ['Completed', '0']);
  });

  it('take backups while one is wiped, say so, and are made whole again', async () => {
    const lines = new Lines();
    await using rig = await openRig('ZoneRedundant', lines);
    assert.equal((await rig.backUp()).status, 'Completed');
    let wiped = 0;
    lines.onPut = async (place, _name, when) => {
      // another put may have been under way
      if (place !== 'zone-b' || when !== 'after' || lines.cut.has('zone-b')) return;
      wiped++;
      lines.cut.add('zone-b');
      await rm(folderOf(rig, 'zone-b'), { recursive: true });
    };
    const job = await backUpNext(rig);
    assert.equal(wiped, 1, 'it was hit in the middle of the backup');
    assert.equal(job.status, 'CompletedWithWarnings', JSON.stringify(job.errors));
    assert.match(job.propertyBag.Warnings ?? '', /stored in 2 of 3 places.*zone-b: the line is cut/);
    const [point] = await rig.points();
    assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());

    const down = await rig.housekeep('Replicate');
    assert.equal(down.status, 'CompletedWithWarnings');
    assert.match(down.propertyBag['Place zone-b'] ?? '', /^unreachable: .*the line is cut/);
    lines.onPut = () => {};
    lines.cut.clear();
    const job2 = await rig.housekeep('Replicate');
    assert.equal(job2.status, 'Completed', JSON.stringify(job2));
    await assertZonesAreEqual(rig);
    const { places } = await replicationOf(rig);
    assert.deepEqual(
      places.map(({ name, state }) => `${name} ${state}`),
      ['zone-a ok', 'zone-b ok', 'zone-c ok'],
    );
  });

  it('never call a backup completed when two are down', async () => {
    const lines = new Lines();
    await using rig = await openRig('ZoneRedundant', lines);
    assert.equal((await rig.backUp()).status, 'Completed');
    lines.onPut = (place, _name, when) => {
      if (place === 'zone-a' && when === 'before') for (const zone of ['zone-b', 'zone-c']) lines.cut.add(zone);
    };
    let job = await backUpNext(rig);
    for (let tries = 0; job.status === 'InProgress' && tries < 10; tries++) {
      await rig.clock.turn(900_000);
      await rig.runner.runOne();
      job = await rig.job(job.id);
    }
    assert.equal(job.status, 'Failed');
    assert.equal(job.errors[0]?.code, 'StoreQuorumMissing');
    assert.match(job.errors[0]?.message ?? '', /zone-b.*zone-c|zone-c.*zone-b/);
    assert.equal((await rig.points()).filter(isVaulted).length, 1, 'no point is shown that is not stored');
    lines.onPut = () => {};
    lines.cut.clear();
    await rig.clock.turn(600_000);
    const next = await backUpNext(rig);
    assert.deepEqual([next.status, next.propertyBag.Warnings], ['Completed', undefined]);
  });

  it('take back one with old contents: what it misses is copied, what was let go leaves it, nothing is overwritten', async () => {
    await using rig = await openRig('ZoneRedundant');
    await rig.backUp();
    const old = join(rig.folder, 'old');
    await cp(folderOf(rig, 'zone-c'), old, { recursive: true });
    await backUpNext(rig);
    const [, first] = await rig.points();
    const gone = first!.vaulted!.commitName;
    const vault = await rig.tools.stores.open(rig.item.vaultId);
    await vault.store.deleteCommit(gone);
    await rig.db.queries.updateTable('commits').set({ state: 'deleted' }).where('name', '=', gone).execute();
    await rm(folderOf(rig, 'zone-c'), { recursive: true });
    await cp(old, folderOf(rig, 'zone-c'), { recursive: true });
    assert.ok((await objectsOf(rig, 'zone-c')).has(gone));

    const job = await rig.housekeep('Replicate');
    assert.equal(job.status, 'Completed', JSON.stringify(job));
    assert.equal(job.propertyBag['Removed Objects'], '1');
    assert.notEqual(job.propertyBag['Copied Objects'], '0');
    assert.equal((await objectsOf(rig, 'zone-c')).has(gone), false);
    await assertZonesAreEqual(rig);
  });

  it('exchange wrong bytes for good ones', async () => {
    await using rig = await openRig('ZoneRedundant');
    await rig.backUp();
    const pack = [...(await objectsOf(rig, 'zone-a')).keys()].find((name) => name.startsWith('p/'))!;
    await writeFile(join(folderOf(rig, 'zone-a'), pack), 'wrong');
    const job = await rig.housekeep('Replicate');
    assert.equal(job.propertyBag['Replaced Objects'], '1');
    await assertZonesAreEqual(rig);
  });

  it('do not bring back an old key that was forgotten', async () => {
    await using rig = await openRig('ZoneRedundant');
    const { reaper } = await rig.tools.stores.open(rig.item.vaultId);
    const first = await reaper.get('keys/1');
    await reaper.put('keys/2', first);
    await reaper.gaps?.();
    for (const zone of ['zone-a', 'zone-b']) await rm(join(folderOf(rig, zone), 'keys/1'));
    await rig.housekeep('Replicate');
    for (const zone of ZONES) assert.equal((await objectsOf(rig, zone)).has('keys/1'), false);
  });
});

describe('a secondary', () => {
  it('has what the vault has, and says until when', async () => {
    await using rig = await openRig('GeoRedundant');
    await rig.backUp();
    await rig.clock.turn(60_000);
    const job = await rig.housekeep('Replicate');
    assert.equal(job.status, 'Completed', JSON.stringify(job));
    assert.deepEqual(await objectsOf(rig, 'far'), await objectsOf(rig, 'here'));
    assert.equal((await replicationOf(rig)).lastSyncTime, rig.clock.now());
    assert.equal(job.propertyBag['Last Sync Time'], new Date(rig.clock.now()).toISOString());
  });

  it('lists only what it can restore, wherever its filling is cut off', async () => {
    const lines = new Lines();
    await using rig = await openRig('GeoRedundant', lines);
    await rig.backUp();
    const hashes = new Map([[(await rig.points())[0]!.id, await rig.diskHashes()]]);
    await backUpNext(rig);
    hashes.set((await rig.points())[0]!.id, await rig.diskHashes());
    for (let cuts = 0; ; cuts++) {
      lines.cut.clear();
      // the first put of each run gets through, and nothing after it: so every state on the way is seen
      lines.onPut = (place, _name, when) => {
        if (place === 'far' && when === 'after') lines.cut.add('far');
      };
      const job = await rig.housekeep('Replicate');
      lines.cut.clear();
      await assertSecondaryRestores(rig, hashes);
      assert.ok(cuts < 40, 'each run brings one object more');
      if (job.status !== 'Completed') continue;
      assert.ok(cuts > 8, `${cuts} cuts`);
      assert.equal((await commitsIn(rig)).length, 2);
      return;
    }
  });

  it('lets points go before what they refer to, wherever that is cut off', async () => {
    const lines = new Lines();
    await using rig = await openRig('GeoRedundant', lines);
    await rig.backUp();
    await backUpNext(rig);
    const [second, first] = await rig.points();
    const hashes = new Map([[second!.id, await rig.diskHashes()]]);
    await rig.housekeep('Replicate');
    const only = await packsOfFirstAlone(rig);
    assert.ok(only.length > 0);
    const { queries } = rig.db;
    await queries.updateTable('commits').set({ state: 'deleted' }).where('point_id', '=', first!.id).execute();
    await queries.updateTable('packs').set({ state: 'gone' }).where('pack_id', 'in', only).execute();
    const before = (await objectsOf(rig, 'far')).size;
    for (let cuts = 0; ; cuts++) {
      lines.cut.clear();
      lines.onDelete = (place) => {
        if (place === 'far') lines.cut.add('far');
      };
      const job = await rig.housekeep('Replicate');
      lines.cut.clear();
      await assertSecondaryRestores(rig, hashes);
      assert.ok(cuts < 40, 'each run takes one object away');
      if (job.status !== 'Completed') continue;
      assert.equal(cuts, only.length + 1);
      assert.equal((await objectsOf(rig, 'far')).size, before - cuts);
      return;
    }
  });

  it('stays as it is while it cannot be reached, and then catches up', async () => {
    const lines = new Lines();
    await using rig = await openRig('GeoRedundant', lines);
    await rig.backUp();
    await rig.housekeep('Replicate');
    const { lastSyncTime } = await replicationOf(rig);
    lines.cut.add('far');
    assert.equal((await backUpNext(rig)).status, 'Completed', 'the backup does not need it');
    const job = await rig.housekeep('Replicate');
    assert.equal(job.status, 'CompletedWithWarnings');
    assert.equal((await replicationOf(rig)).lastSyncTime, lastSyncTime);
    lines.cut.clear();
    await rig.clock.turn(600_000);
    assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
    assert.equal((await replicationOf(rig)).lastSyncTime, rig.clock.now());
  });

  it('gets no point whose packs it cannot get', async () => {
    await using rig = await openRig('GeoRedundant');
    await rig.backUp();
    await rig.housekeep('Replicate');
    const before = await objectsOf(rig, 'here');
    await backUpNext(rig);
    const added = [...(await objectsOf(rig, 'here')).keys()].filter((name) => !before.has(name));
    const pack = added.find((name) => name.startsWith('p/'))!;
    await writeFile(join(folderOf(rig, 'here'), pack), 'wrong');
    const job = await rig.housekeep('Replicate');
    assert.equal(job.status, 'CompletedWithWarnings');
    assert.equal((await commitsIn(rig)).length, 1);
    const { places, lastSyncTime } = await replicationOf(rig);
    assert.deepEqual(places.map(({ name, state, missing }) => [name, state, missing]).at(-1), ['far', 'behind', 1]);
    assert.ok(lastSyncTime! < rig.clock.now());
  });

  it('is read on demand while the vault itself does not answer', async () => {
    const lines = new Lines();
    await using rig = await openRig('GeoRedundant', lines);
    await rig.backUp();
    await rig.housekeep('Replicate');
    lines.cut.add('here');
    const folder = join(rig.folder, 'restored');
    const [point] = await rig.points();
    const target = { kind: 'folder', folder, fromSecondary: true } as const;
    const id = await rig.service.requestRestore(rig.item.id, point!.id, target, BY);
    await rig.runner.runOne();
    assert.equal((await rig.job(id)).status, 'Completed');
    assert.equal(sha256Of(await readFile(join(folder, 'web-1-0.raw'))), (await rig.diskHashes()).get(0));
  });

  it('is given to a vault that waits for one', async () => {
    await using rig = await VaultRig.open({}, { places: { ...WITH_SECONDARY, secondary: [] } });
    await rig.host.write(MACHINE, 0, 0, randomBytes(1000));
    await rig.backUp();
    const { stores } = rig.tools;
    const vault = { id: rig.item.vaultId, redundancy: 'GeoRedundant' } as const;
    const { actual, why } = await stores.redundancyOf(vault);
    assert.equal(actual, 'LocallyRedundant');
    assert.match(why ?? '', /no secondary place/);
    await using next = await rig.reborn({ places: WITH_SECONDARY });
    assert.equal((await next.housekeep('Replicate')).status, 'Completed');
    assert.deepEqual(await next.tools.stores.redundancyOf(vault), { wanted: 'GeoRedundant', actual: 'GeoRedundant' });
    assert.equal((await commitsIn(next)).length, 1);
  });
});

describe('a vault that is failed over', () => {
  it('is read from its secondary, takes no backups, and is failed back', async () => {
    const lines = new Lines();
    await using rig = await openRig('GeoRedundant', lines);
    await rig.backUp();
    const hashes = await rig.diskHashes();
    await rig.housekeep('Replicate');
    await backUpNext(rig);
    lines.cut.add('here');
    const [late, early] = await rig.points();
    const { missingPoints } = await failOver(rig.tools, rig.item.vaultId);
    assert.deepEqual(missingPoints, [late!.id]);
    assert.deepEqual((await rig.restore(early!)).hashes, hashes);
    const refused = await backUpNext(rig);
    assert.deepEqual([refused.status, refused.errors[0]?.code], ['Failed', 'VaultFailedOver']);
    assert.equal((await rig.housekeep('Replicate')).status, 'CompletedWithWarnings');
    await assert.rejects(failBack(rig.tools, rig.item.vaultId), /the line is cut/);
    lines.cut.clear();
    await failBack(rig.tools, rig.item.vaultId);
    assert.equal((await backUpNext(rig)).status, 'Completed');
    assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
    assert.equal((await commitsIn(rig)).length, 3);
  });

  it('can live on in its secondary', async () => {
    await using rig = await openRig('GeoRedundant');
    await rig.backUp();
    await rig.housekeep('Replicate');
    await assert.rejects(makeSecondaryPrimary(rig.tools, rig.item.vaultId), /not failed over/);
    await rm(folderOf(rig, 'here'), { recursive: true });
    await failOver(rig.tools, rig.item.vaultId);
    await makeSecondaryPrimary(rig.tools, rig.item.vaultId);
    const { reconcile } = await getStoreState(rig.db.queries, rig.item.vaultId);
    assert.match(reconcile?.why.join() ?? '', /secondary became the primary/);
    const [point] = await rig.points();
    assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());
    const vault = { id: rig.item.vaultId, redundancy: 'GeoRedundant' } as const;
    assert.equal((await rig.tools.stores.redundancyOf(vault)).actual, 'LocallyRedundant');
  });
});

/** Ids of packs that the older of two points reaches and the newer does not. */
async function packsOfFirstAlone(rig: VaultRig): Promise<readonly string[]> {
  const { store } = await rig.tools.stores.open(rig.item.vaultId);
  const reached = await Promise.all(
    (await rig.points()).map(async ({ vaulted }) => {
      const packs = new Set<string>();
      for (const { root } of (await store.openCommit(vaulted!.commitName)).disks)
        for await (const pack of pointPacks({ backend: store.backend, keys: store.structKeys }, root)) packs.add(pack);
      return packs;
    }),
  );
  return [...reached[1]!].filter((pack) => !reached[0]!.has(pack));
}

async function commitsIn(rig: VaultRig): Promise<readonly string[]> {
  return [...(await objectsOf(rig, 'far')).keys()].filter((name) => name.startsWith('rp/'));
}

/** What the secondary lists by itself restores to what the machine's disks were. */
async function assertSecondaryRestores(
  rig: VaultRig,
  hashes: ReadonlyMap<string, ReadonlyMap<number, string>>,
): Promise<void> {
  const commits = await commitsIn(rig);
  if (commits.length === 0) return;
  const vault = await rig.tools.stores.openSecondary(rig.item.vaultId);
  for (const name of commits) {
    const { pointId, disks } = await vault.store.openCommit(name);
    for (const { lun, root } of disks) {
      const targetPath = join(rig.folder, 'trial.raw');
      await writeFile(targetPath, '');
      await truncate(targetPath, root.sizeBytes);
      await restoreDisk({ backend: vault.spec, keys: vault.store.workerKeys, root, targetPath, workers: 0 });
      assert.equal(sha256Of(await readFile(targetPath)), hashes.get(pointId)?.get(lun), `${name} LUN ${lun}`);
    }
  }
}
