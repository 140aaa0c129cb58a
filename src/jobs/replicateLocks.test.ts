import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getStoreState } from '../db/storeStates.ts';
import { getVault, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { Collections, DAY_MS, over } from './collectRig.fixture.ts';
import { runExtendLocks } from './extendLocks.ts';
import { letCommitGo } from './letCommitGo.ts';
import { pruneItem } from './prune.ts';
import { JobRunner } from './runner.ts';
import { VaultPlaces } from './vaultPlaces.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const ZONES = ['zone-a', 'zone-b', 'zone-c'];

/** Places that lock what is put for a week, by a clock that is turned. */
class LockingPlaces {
  readonly until = new Map<string, Map<string, number>>();
  readonly raised: string[] = [];
  landingMs = 7 * DAY_MS;
  away: string | undefined;
  now: () => number = () => 0;
  /** Called before a put to a place, and behind it. */
  onPut: (place: string, name: string, when: 'before' | 'after') => Promise<void> | void = () => {};

  readonly wrap = (place: string, inner: Backend): Backend => {
    const locks = this.until.get(place) ?? new Map<string, number>();
    this.until.set(place, locks);
    const pass = () => {
      if (this.away === place) throw new CodedError('StoreIoFailed', `${place} is away`);
    };
    return over(inner, {
      put: async (name, bytes, signal) => {
        pass();
        await this.onPut(place, name, 'before');
        const outcome = await inner.put(name, bytes, signal);
        if (outcome === 'created') locks.set(name, this.now() + this.landingMs);
        await this.onPut(place, name, 'after');
        return outcome;
      },
      delete: async (name) => {
        pass();
        if ((locks.get(name) ?? 0) > this.now()) throw new CodedError('StoreObjectLocked', `${name} is locked`);
        await inner.delete(name);
      },
      lock: {
        retainedUntil: async (name) => {
          pass();
          return locks.get(name);
        },
        extend: async (name, until) => {
          pass();
          if (!(await inner.head(name))) throw new CodedError('StoreObjectMissing', `${name} is not there`);
          locks.set(name, Math.max(until, locks.get(name) ?? 0));
        },
        raise: async (name) => {
          pass();
          this.raised.push(`${place} ${name}`);
        },
      },
    });
  };
}

async function openRig(redundancy: 'ZoneRedundant' | 'GeoRedundant') {
  const locking = new LockingPlaces();
  const places =
    redundancy === 'ZoneRedundant'
      ? { local: ['here'], zones: ZONES, secondary: [] }
      : { local: ['here'], zones: [], secondary: ['far'] };
  const rig = await VaultRig.open({}, { redundancy, places, wrapPlace: locking.wrap });
  locking.now = () => rig.clock.now();
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  const extendLocks = async () => {
    const vault = { id: rig.item.vaultId, name: 'vault-1' };
    const id = await rig.service.requestHousekeeping(vault, 'ExtendLocks', { parameters: {}, by: BY });
    const handlers = { ExtendLocks: runExtendLocks };
    await new JobRunner(rig.tools, { owner: randomUUID(), handlers, concurrency: 1 }).runOne();
    return rig.job(id);
  };
  return { rig, locking, extendLocks, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

async function backUpNext(rig: VaultRig, days = 1): Promise<void> {
  await rig.clock.turn(days * DAY_MS);
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  assert.equal((await rig.backUp()).status, 'Completed');
}

/** Everything but what comes and goes is locked there as long as in the first place. */
function assertLockedAlike({ until }: LockingPlaces, first: string, other: string): void {
  const names = [...until.get(first)!.keys()].filter((name) => /^(p|rp)\//.test(name));
  assert.ok(names.length > 3);
  for (const name of names) {
    const [here, there] = [until.get(first)!.get(name)!, until.get(other)!.get(name) ?? 0];
    assert.ok(there >= here, `${name} is locked until ${there} instead of ${here}`);
  }
  assert.ok(names.some((name) => until.get(first)!.get(name)! > until.get(first)!.get('own/1')! + 10 * DAY_MS));
}

describe('copies are locked as long as what they were copied from', () => {
  it('on the secondary, commit objects among them', async () => {
    await using opened = await openRig('GeoRedundant');
    const { rig, locking } = opened;
    await rig.backUp();
    assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
    assertLockedAlike(locking, 'here', 'far');
  });

  it('in a zone that was wiped', async () => {
    await using opened = await openRig('ZoneRedundant');
    const { rig, locking } = opened;
    await rig.backUp();
    await rm(join(rig.folder, 'places', 'zone-b'), { recursive: true });
    locking.until.get('zone-b')!.clear();
    assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
    assertLockedAlike(locking, 'zone-a', 'zone-b');
  });

  it('by the hourly run, which calls nothing covered while the secondary does not answer', async () => {
    await using opened = await openRig('GeoRedundant');
    const { rig, locking, extendLocks } = opened;
    await rig.backUp();
    await rig.housekeep('Replicate');
    locking.away = 'far';
    await rig.clock.turn(DAY_MS);
    assert.equal((await rig.backUp()).status, 'Completed', 'a backup needs no secondary');
    const [point] = await rig.points();
    assert.equal(point!.vaulted!.lockedUntil, undefined);
    const job = await extendLocks();
    assert.equal(job.status, 'CompletedWithWarnings');
    assert.match(job.propertyBag['Not Locked'] ?? '', /secondary: .*far is away/);
    locking.away = undefined;
    await rig.housekeep('Replicate');
    assert.equal((await extendLocks()).status, 'Completed');
    const { locks } = await getStoreState(rig.db.queries, rig.item.vaultId);
    assert.deepEqual([locks!.points, locks!.covered], [2, 2]);
    assertLockedAlike(locking, 'here', 'far');
  });
});

it('a vault that is locked has its older locks raised once, in every place', async () => {
  await using opened = await openRig('GeoRedundant');
  const { rig, locking, extendLocks } = opened;
  await rig.backUp();
  await rig.housekeep('Replicate');
  await extendLocks();
  assert.deepEqual(locking.raised, []);
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  await updateVault(rig.db.queries, { ...vault, immutability: 'Locked' });
  locking.away = 'far';
  const partly = await extendLocks();
  assert.equal(partly.status, 'CompletedWithWarnings', JSON.stringify(partly));
  assert.match(partly.propertyBag['Not Raised to Compliance'] ?? '', /far is away/);
  locking.away = undefined;
  locking.raised.length = 0;
  assert.equal((await extendLocks()).status, 'Completed');
  const all = ['here', 'far'].flatMap((place) =>
    [...locking.until.get(place)!.keys()].map((name) => `${place} ${name}`),
  );
  assert.deepEqual(locking.raised.toSorted(), all.sort());
  await extendLocks();
  assert.equal(locking.raised.length, all.length, 'and not again');
});

describe('a point that is let go while it is copied', () => {
  const letGo = async (rig: VaultRig) => {
    const [point] = await rig.points();
    const { commitName, cseq } = point!.vaulted!;
    await letCommitGo(rig.tools, await rig.tools.stores.open(rig.item.vaultId), { commitName, cseq });
    return commitName;
  };
  for (const when of ['before', 'after'] as const)
    it(`${when} its put to the secondary does not stay there`, async () => {
      await using opened = await openRig('GeoRedundant');
      const { rig, locking } = opened;
      locking.landingMs = 0;
      await rig.backUp();
      for (const locks of locking.until.values()) locks.clear();
      let gone = '';
      locking.onPut = async (place, name, now) => {
        if (place !== 'far' || now !== when || !name.startsWith('rp/') || gone !== '') return;
        gone = name;
        assert.equal(await letGo(rig), name);
      };
      assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
      const { secondary } = await rig.tools.stores.open(rig.item.vaultId);
      assert.notEqual(gone, '');
      assert.equal(await secondary!.head(gone), undefined);
    });

  it('between the deletions on the secondary and in the vault neither', async () => {
    await using opened = await openRig('GeoRedundant');
    const { rig, locking } = opened;
    locking.landingMs = 0;
    await rig.backUp();
    for (const locks of locking.until.values()) locks.clear();
    const vault = await rig.tools.stores.open(rig.item.vaultId);
    const { commitName, cseq } = (await rig.points())[0]!.vaulted!;
    let copied = 0;
    const reaper = over(vault.reaper, {
      delete: async (name) => {
        copied++;
        assert.equal((await rig.housekeep('Replicate')).status, 'Completed');
        assert.ok(await vault.secondary!.head(name), 'the copy came in between');
        for (const locks of locking.until.values()) locks.clear();
        await vault.reaper.delete(name);
      },
    });
    assert.equal(await letCommitGo(rig.tools, { ...vault, reaper }, { commitName, cseq }), true);
    assert.equal(copied, 1);
    assert.equal(await vault.secondary!.head(commitName), undefined);
  });

  it('keeps its packs on the secondary as long as it is kept there itself', async () => {
    await using opened = await openRig('GeoRedundant');
    const { rig, locking } = opened;
    await rig.backUp();
    const old = (await rig.points())[0]!.vaulted!.commitName;
    await backUpNext(rig, 14);
    await rig.clock.turn(20 * DAY_MS);
    for (const locks of locking.until.values()) locks.clear();
    let pruned = 0;
    locking.onPut = async (place, name, when) => {
      if (place !== 'far' || when !== 'before' || name !== old) return;
      pruned++;
      await pruneItem(rig.tools, rig.item.id);
    };
    await rig.housekeep('Replicate');
    assert.equal(pruned, 1);
    const vault = await rig.tools.stores.open(rig.item.vaultId);
    assert.ok(await vault.secondary!.head(old), 'the landing lock keeps it');
    const packs = async () => (await Array.fromAsync(vault.secondary!.list('p/'))).length;
    const before = await packs();
    // of what is locked on the secondary the commit object alone counts now
    for (const name of locking.until.get('far')!.keys()) if (name !== old) locking.until.get('far')!.delete(name);
    await rig.db.queries.updateTable('packs').set({ locked_until: null }).execute();
    const collections = new Collections(rig.tools, rig.item.vaultId);
    await collections.run({ approved: true });
    await rig.clock.turn(DAY_MS);
    const held = await collections.run({ approved: true });
    assert.equal(held.job.status, 'Completed', JSON.stringify(held.job.errors));
    assert.equal(held.report!.dropped, 0);
    assert.ok(held.report!.waiting.lock > 0, 'it was tried');
    assert.equal(await packs(), before);
    for (const locks of locking.until.values()) locks.clear();
    const free = await collections.run({ approved: true });
    assert.ok(free.report!.dropped > 0, JSON.stringify(free.report));
    assert.equal(await vault.secondary!.head(old), undefined);
    assert.ok((await packs()) < before);
  });
});

it('a place is opened with the lock that its vault has by now', async () => {
  await using rig = await VaultRig.open();
  const accountKeyFile = join(rig.folder, 'key');
  await writeFile(accountKeyFile, 'c2VjcmV0');
  const account = { endpoint: 'https://blobs.example', container: 'vaults', prefix: '', accountName: 'keeper' };
  const cloud = { kind: 'azureBlob', name: 'cloud', lock: true, ...account, accountKeyFile } as const;
  const storage = { places: new Map([['cloud', cloud]]), local: ['cloud'], zones: [], secondary: [] };
  const places = new VaultPlaces({ storage, clock: rig.clock, db: rig.db });
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  for (const [immutability, lock] of [
    ['Disabled', undefined],
    ['Unlocked', { mode: 'governance', landingDays: 7 }],
    ['Locked', { mode: 'compliance', landingDays: 7 }],
  ] as const) {
    await updateVault(rig.db.queries, { ...vault, immutability });
    const layout = { kind: 'local', primary: ['cloud'], quorum: 1, secondary: [] } as const;
    const { spec, backend } = await places.open(vault.id, layout, 'primary');
    assert.ok(!('put' in spec) && spec.kind === 'azureBlob');
    assert.deepEqual([spec.lock, backend.lock !== undefined], [lock, lock !== undefined]);
  }
});
