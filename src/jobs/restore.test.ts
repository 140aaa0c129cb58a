import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listPacks } from '../db/packs.ts';
import type { RestoreTarget } from './restoreTarget.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

async function backedUp(): Promise<VaultRig> {
  const rig = await VaultRig.open();
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  await rig.host.write(MACHINE, 0, 69_000_000, randomBytes(300_000));
  assert.equal((await rig.backUp()).status, 'Completed');
  return rig;
}

async function restoreTo(rig: VaultRig, target: RestoreTarget): Promise<string> {
  const [point] = await rig.points();
  return rig.service.requestRestore(rig.item.id, point!.id, target, BY);
}

test('a restore to a host makes a powered-off machine of the same bytes', async () => {
  await using rig = await backedUp();
  const target = { kind: 'machine', host: 'fake', resourceGroup: 'lab', machineName: 'web-1-restored' } as const;
  const id = await restoreTo(rig, target);
  await rig.runner.runOne();
  const job = await rig.job(id);
  assert.equal(job.status, 'Completed', JSON.stringify(job.errors));
  assert.deepEqual(
    job.subTasks.map(({ status }) => status),
    ['Completed', 'Completed'],
  );
  const ref = { resourceGroup: 'lab', name: 'web-1-restored' };
  const machine = await rig.host.find(ref);
  assert.equal(machine.powerState, 'stopped');
  for (const { lun } of machine.disks)
    assert.ok((await readFile(rig.host.diskPath(ref, lun))).equals(await readFile(rig.host.diskPath(MACHINE, lun))));

  const again = await restoreTo(rig, target);
  await rig.runner.runOne();
  const refused = await rig.job(again);
  assert.equal(refused.errors[0]?.code, 'RestoreTargetInvalid');
  assert.match(refused.errors[0].message, /web-1-restored.*taken/);
});

test('a restore never overwrites, and chosen disks are the only ones written', async () => {
  await using rig = await backedUp();
  const folder = join(rig.folder, 'target');
  const first = await restoreTo(rig, { kind: 'folder', folder, luns: [0] });
  await rig.runner.runOne();
  assert.equal((await rig.job(first)).status, 'Completed');
  assert.deepEqual((await readdir(folder)).toSorted(), ['web-1-0.raw', 'web-1.json']);

  const other = join(rig.folder, 'other');
  await mkdir(other);
  await writeFile(join(other, 'web-1-os.raw'), 'somebody’s');
  const second = await restoreTo(rig, { kind: 'folder', folder: other });
  await rig.runner.runOne();
  assert.equal((await rig.job(second)).errors[0]?.code, 'RestoreTargetInvalid');
  assert.equal(await readFile(join(other, 'web-1-os.raw'), 'utf8'), 'somebody’s');
  assert.deepEqual(await readdir(other), ['web-1-os.raw']);
});

test('a restore that fails or is cancelled half-way leaves no disk behind', async () => {
  await using rig = await backedUp();
  const packs = await listPacks(rig.db.queries, rig.item.vaultId);
  const { name } = packs.findLast(({ kind }) => kind === 'data')!;
  const file = join(rig.tools.stores.storeFolder(rig.item.vaultId), name);
  const whole = await readFile(file);
  await writeFile(
    file,
    whole.map((byte, at) => (at > 200 && at < whole.length - 600 ? byte ^ 1 : byte)),
  );
  const folder = join(rig.folder, 'target');
  const id = await restoreTo(rig, { kind: 'folder', folder });
  await rig.runner.runOne();
  const job = await rig.job(id);
  assert.equal(job.status, 'Failed');
  assert.match(job.errors[0]!.code, /StoreDataDamaged/);
  assert.deepEqual(await readdir(folder), [], 'neither whole disks nor parts');

  await writeFile(file, whole);
  const held = rig.host.faults.hold('createDisk');
  const target = { kind: 'machine', host: 'fake', resourceGroup: 'lab', machineName: 'late' } as const;
  const cancelled = await restoreTo(rig, target);
  const running = rig.runner.runOne();
  await held.arrived;
  await rig.service.cancel(cancelled);
  held.release();
  await running;
  assert.equal((await rig.job(cancelled)).status, 'Cancelled');
  await assert.rejects(rig.host.find({ resourceGroup: 'lab', name: 'late' }), { code: 'BCMV2VMNotFound' });
  assert.deepEqual(rig.host.faults.unhit, []);
});
