import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { getItem, updateItem } from '../db/items.ts';
import { putLock } from '../db/locks.ts';
import { allPoints } from '../db/points.ts';
import { findResourceGroup } from '../db/resourceGroups.ts';
import { getVault } from '../db/vaults.ts';
import { FakeHost } from '../machine/fakeHost.ts';
import type { Machine } from '../machine/machine.ts';
import { hasSnapshot, isVaulted, type RecoveryPoint } from '../vault/recoveryPoint.ts';
import { Hosts } from './context.ts';
import { pruneItem } from './prune.ts';
import { Scheduler } from './scheduler.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 2 ** 20;
const DAILY = { schedule: { frequency: 'Daily', time: '12:00' }, timeZone: 'UTC' } as const;
const DISKS = [
  { lun: -1, name: 'os', sizeBytes: 4 * MIB },
  { lun: 0, name: 'data', sizeBytes: 70 * MIB },
];

const made = (host: FakeHost): Promise<Machine> => host.addMachine({ ...MACHINE, disks: DISKS });
const fill = (host: FakeHost, byte: number) => host.write(MACHINE, 0, 0, new Uint8Array(100_000).fill(byte));
const itemOf = async (rig: VaultRig) => (await getItem(rig.db.queries, rig.item.id))!;
const tick = (rig: VaultRig) => new Scheduler(rig.tools, rig.runner).tick();

test('of a machine that was deleted, backups fail with the code of it; its points age, the newest stays', async () => {
  await using rig = await VaultRig.open(DAILY);
  await fill(rig.host, 1);
  for (let day = 0; day < 3; day += 1) {
    await rig.clock.turn(DAY_MS);
    await tick(rig);
    await rig.runner.runOne();
  }
  assert.equal((await rig.points()).length, 3);
  rig.host.removeMachine(MACHINE);
  const failed = await rig.backUp();
  assert.deepEqual([failed.status, failed.errors[0]?.code], ['Failed', 'BCMV2VMNotFound']);
  assert.match(failed.errors[0]?.message ?? '', /VM no longer exists.*'web-1' in the resource group 'shop'/);
  assert.equal((await itemOf(rig)).lastBackup?.errorCode, 'BCMV2VMNotFound');
  await rig.clock.turn(100 * DAY_MS);
  await pruneItem(rig.tools, rig.item.id);
  const [newest, ...others] = await rig.points();
  assert.deepEqual([others.length, isVaulted(newest!), hasSnapshot(newest!)], [0, true, true]);
  assert.equal((await rig.host.snapshots(MACHINE)).length, 1, 'snapshots are let go without their machine');
  assert.equal((await rig.restore(newest!)).job.status, 'Completed');
});

test('a machine made again under its name is taken up: read whole, restored as it is', async () => {
  await using rig = await VaultRig.open(DAILY);
  await fill(rig.host, 1);
  await rig.backUp();
  const before = rig.item.vmId;
  await rig.clock.turn(HOUR_MS);
  const again = await made(rig.host);
  await fill(rig.host, 2);
  assert.equal((await rig.backUp()).status, 'Completed');
  const item = await itemOf(rig);
  assert.deepEqual([item.vmId, item.vmId === before], [again.vmId, false]);
  const [point] = await rig.points();
  assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());
});

test('a machine that moved to another host is followed; the snapshots of the old host are let go there', async () => {
  await using rig = await VaultRig.open(DAILY);
  await fill(rig.host, 1);
  await rig.backUp();
  const folder = join(rig.folder, 'other');
  await mkdir(folder);
  const other = new FakeHost({ name: 'other', folder, clock: rig.clock });
  Object.assign(rig.tools, { hosts: new Hosts([rig.host, other]) });
  const runner = rig.newRunner();
  rig.host.removeMachine(MACHINE);
  await made(other);
  await fill(other, 3);
  await rig.clock.turn(HOUR_MS);
  await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: { objectId: 'o', name: 'n' } });
  await runner.runOne();
  const [newest, oldest] = await rig.points();
  assert.deepEqual([newest?.snapshot?.host, oldest?.snapshot?.host], ['other', 'fake']);
  assert.equal((await itemOf(rig)).host, 'other');
  await rig.clock.turn(3 * DAY_MS);
  await pruneItem(rig.tools, rig.item.id);
  assert.deepEqual(await rig.host.snapshots(MACHINE), []);
  assert.equal((await other.snapshots(MACHINE)).length, 1);
});

test('a host that is silent keeps its snapshots and nothing else from going', async () => {
  await using rig = await VaultRig.open(DAILY);
  await fill(rig.host, 1);
  await rig.backUp();
  await rig.clock.turn(HOUR_MS);
  await rig.backUp();
  await rig.clock.turn(40 * DAY_MS);
  const none = new Hosts([]);
  await pruneItem({ ...rig.tools, hosts: none }, rig.item.id);
  const left = await rig.points();
  assert.deepEqual(
    left.map((point) => [hasSnapshot(point), isVaulted(point)]),
    [
      [true, true],
      [false, false],
    ],
  );
  await pruneItem(rig.tools, rig.item.id);
  assert.equal((await rig.points()).length, 1);
  assert.equal((await rig.host.snapshots(MACHINE)).length, 1);
});

test('the first snapshot makes the resource group it is shown in, by the names of the policy', async () => {
  await using rig = await VaultRig.open({
    ...DAILY,
    instantRPDetails: { azureBackupRGNamePrefix: 'snaps-', azureBackupRGNameSuffix: '-we' },
  });
  assert.equal((await itemOf(rig)).snapshotGroup, undefined);
  await rig.backUp();
  assert.equal((await itemOf(rig)).snapshotGroup, 'snaps-1-we');
  const vault = await getVault(rig.db.queries, rig.item.vaultId);
  const group = await findResourceGroup(rig.db.queries, vault!.subscriptionId, 'SNAPS-1-WE');
  assert.match(group?.managedBy ?? '', /Microsoft\.RecoveryServices/);
});

test('a disk that is added later goes with the others, read whole; when disks were chosen it stays out', async () => {
  await using rig = await VaultRig.open(DAILY);
  await fill(rig.host, 1);
  await rig.backUp();
  const { keeper } = rig.host;
  const kept = await keeper.makeDisk({ resourceGroup: 'shop', name: 'more', sizeBytes: 8 * MIB });
  await keeper.attachDisk(MACHINE, { lun: 2, name: 'more', ...kept });
  await rig.host.write(MACHINE, 2, MIB, new Uint8Array(5000).fill(9));
  await rig.clock.turn(HOUR_MS);
  assert.equal((await rig.backUp()).status, 'Completed');
  const luns = (disks: RecoveryPoint['disks']) => disks.map(({ lun }) => lun);
  const [all] = await rig.points();
  assert.deepEqual([luns(all!.disks), luns(all!.excludedDisks)], [[-1, 0, 2], []]);
  const { hashes } = await rig.restore(all!);
  const bytes = await readFile(rig.host.diskPath(MACHINE, 2));
  assert.equal(hashes.get(2), createHash('sha256').update(bytes).digest('hex'));
  await updateItem(rig.db.queries, { ...(await itemOf(rig)), disks: { isInclusionList: true, luns: [0] } });
  await rig.clock.turn(HOUR_MS);
  await rig.backUp();
  const [chosen] = await rig.points();
  assert.deepEqual([luns(chosen!.disks), luns(chosen!.excludedDisks)], [[-1, 0], [2]]);
});

const lock = async (rig: VaultRig, level: 'CanNotDelete' | 'ReadOnly') => {
  const vault = (await getVault(rig.db.queries, rig.item.vaultId))!;
  const scope = `/subscriptions/${vault.subscriptionId}/resourceGroups/AzureBackupRG_westeurope_1`;
  const id = `${scope}/providers/Microsoft.Authorization/locks/keep`;
  await putLock(rig.db.queries, { id, scope, name: 'keep', level, createdAt: 1 });
};

test('a lock on the group keeps expired snapshots, and the backup says so; without it they go', async () => {
  await using rig = await VaultRig.open(DAILY);
  assert.equal((await rig.backUp()).status, 'Completed');
  await lock(rig, 'CanNotDelete');
  for (let day = 0; day < 3; day += 1) {
    await rig.clock.turn(2 * DAY_MS);
    const job = await rig.backUp();
    assert.equal(job.status, 'CompletedWithWarnings');
    assert.match(job.propertyBag.Warnings ?? '', /CanNotDelete lock 'keep'.*AzureBackupRG_westeurope_1/);
  }
  assert.equal((await rig.host.snapshots(MACHINE)).length, 4);
  assert.equal(
    (await allPoints(rig.db.queries, rig.item.id, { snapshotOnly: true })).length,
    4,
    'they can be restored',
  );
  await rig.db.queries.deleteFrom('locks').execute();
  await rig.clock.turn(HOUR_MS);
  await tick(rig);
  assert.equal((await rig.host.snapshots(MACHINE)).length, 1);
});

test('a ReadOnly lock on the group lets no snapshot be added', async () => {
  await using rig = await VaultRig.open(DAILY);
  await rig.backUp();
  await lock(rig, 'ReadOnly');
  const job = await rig.backUp();
  assert.deepEqual([job.status, job.errors[0]?.code], ['Failed', 'ScopeLocked']);
  assert.equal((await rig.host.snapshots(MACHINE)).length, 1);
});
