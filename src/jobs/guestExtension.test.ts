import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGuestExtension } from '../db/guestExtensions.ts';
import { getItem, updateItem } from '../db/items.ts';
import { CodedError } from '../lib/error.ts';
import { subTask, TAKE_SNAPSHOT } from '../vault/job.ts';
import { GuestExtensions } from './guestExtension.ts';
import { BY, MACHINE, VaultRig } from './vaultRig.fixture.ts';

const MINUTE = 60_000;

const seen = async (rig: VaultRig) => {
  const record = await findGuestExtension(rig.db.queries, MACHINE.resourceGroup, MACHINE.name);
  return record && [record.status, record.version];
};

const asked = (rig: VaultRig): number => rig.host.faults.calls.filter((call) => call === 'extension web-1').length;

test('a protected machine that runs gets the extension, and is then left alone for a day', async () => {
  await using rig = await VaultRig.open();
  const extensions = new GuestExtensions(rig.tools);
  assert.equal(await seen(rig), undefined);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['installed', '1.0']);
  await rig.clock.turn(60 * MINUTE);
  await extensions.tick();
  assert.equal(asked(rig), 1);
  await rig.clock.turn(24 * 60 * MINUTE);
  await extensions.tick();
  assert.equal(asked(rig), 2);
  const record = await findGuestExtension(rig.db.queries, 'SHOP', 'WEB-1');
  assert.equal(record!.since, Date.parse('2026-03-02T09:00:00Z'), 'it stands so since the first time');
});

test('one that is off gets it at its next start', async () => {
  await using rig = await VaultRig.open();
  await rig.host.stop(MACHINE);
  const extensions = new GuestExtensions(rig.tools);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['pending', undefined]);
  await rig.host.start(MACHINE);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['pending', undefined], 'it is looked at now and then');
  await rig.clock.turn(MINUTE);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['installed', '1.0']);
  await rig.host.stop(MACHINE);
  await rig.clock.turn(24 * 60 * MINUTE);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['installed', '1.0'], 'what is in a machine is in it when it is off');
});

test('a failure tells why and is tried again, ever more seldom', async () => {
  await using rig = await VaultRig.open();
  rig.host.extensionFault = { status: 'failed', why: 'guest-exec is blocked', recommendation: 'Allow it.' };
  const extensions = new GuestExtensions(rig.tools);
  await extensions.tick();
  const record = await findGuestExtension(rig.db.queries, MACHINE.resourceGroup, MACHINE.name);
  assert.deepEqual(
    [record!.status, record!.message, record!.recommendation],
    ['failed', 'guest-exec is blocked', 'Allow it.'],
  );
  for (let minute = 0; minute < 60; minute++) {
    await rig.clock.turn(MINUTE);
    await extensions.tick();
  }
  assert.ok(asked(rig) > 3 && asked(rig) < 8, `${asked(rig)} times in an hour`);
  rig.host.extensionFault = undefined;
  rig.host.faults.failNext('extension', new CodedError('HostUnavailable', 'QEMU does not answer'));
  await rig.clock.turn(60 * MINUTE);
  await extensions.tick();
  assert.equal((await findGuestExtension(rig.db.queries, 'shop', 'web-1'))!.message, 'QEMU does not answer');
  await rig.clock.turn(60 * MINUTE);
  await extensions.tick();
  assert.deepEqual(await seen(rig), ['installed', '1.0']);
  assert.deepEqual(rig.host.faults.unhit, []);
});

test('a machine made anew under its name gets it too; one that is no longer protected is not looked at', async () => {
  await using rig = await VaultRig.open();
  const extensions = new GuestExtensions(rig.tools);
  await extensions.tick();
  const anew = await rig.host.addMachine({ ...MACHINE, disks: [{ lun: -1, name: 'os', sizeBytes: 4096 }] });
  const item = (await getItem(rig.db.queries, rig.item.id))!;
  await updateItem(rig.db.queries, { ...item, vmId: anew.vmId });
  await rig.clock.turn(24 * 60 * MINUTE);
  await extensions.tick();
  const record = await findGuestExtension(rig.db.queries, 'shop', 'web-1');
  assert.deepEqual([record!.vmId, record!.status], [anew.vmId, 'installed']);
  await updateItem(rig.db.queries, { ...item, protectionState: 'ProtectionStopped' });
  for (let day = 0; day < 3; day++) {
    await rig.clock.turn(24 * 60 * MINUTE);
    await extensions.tick();
  }
  assert.equal(asked(rig), 2);
  assert.deepEqual(await seen(rig), ['installed', '1.0'], 'it stays in the machine');
  await updateItem(rig.db.queries, { ...item, vmId: anew.vmId });
  await extensions.tick();
  assert.equal(asked(rig), 3, 'protected again, it is looked at again');
});

test('a server that brings another version looks at all machines at once', async () => {
  await using rig = await VaultRig.open();
  await new GuestExtensions(rig.tools).tick();
  Object.assign(rig.host.extension, { version: '1.1' });
  await new GuestExtensions(rig.tools).tick();
  assert.equal(asked(rig), 2);
});

test("what the machine's scripts came to stands in the point, the job and its sub task", async () => {
  await using rig = await VaultRig.open();
  rig.host.scripts = { succeeded: true, failures: [] };
  const good = await rig.backUp();
  assert.equal(good.status, 'Completed', JSON.stringify(good.errors));
  assert.equal((await rig.points())[0]!.consistency, 'application');
  assert.match(subTask(good, TAKE_SNAPSHOT)!.note!, /pre and post script ran/);

  await rig.clock.turn(MINUTE);
  const failure = { code: 'Pre-ScriptTimeout', number: 308, message: 'The pre script took too long.' } as const;
  rig.host.scripts = { succeeded: false, failures: [failure] };
  const warned = await rig.backUp();
  assert.equal(warned.status, 'CompletedWithWarnings');
  assert.equal(warned.propertyBag.Warnings, 'Pre-ScriptTimeout (308): The pre script took too long.');
  assert.equal((await rig.points())[0]!.consistency, 'fileSystem');
});

test('an enhanced policy rather takes a crash-consistent point at the attempts 4, 6 and 8', async () => {
  await using rig = await VaultRig.open({ policyType: 'V2' });
  const failure = () => new CodedError('Pre-ScriptTimeout', 'The pre script took too long.');
  for (let attempt = 1; attempt <= 5; attempt++) rig.host.faults.failNext('snapshot', failure());
  const id = await rig.service.requestBackup(rig.item.id, { userTriggered: true, by: BY });
  for (let attempt = 1; attempt <= 6; attempt++) {
    await rig.runner.runOne();
    await rig.clock.turn(15 * MINUTE);
  }
  const job = await rig.job(id);
  assert.deepEqual([job.status, job.attempt], ['Completed', 6]);
  const [point] = await rig.points();
  assert.deepEqual(
    [point!.consistency, point!.consistencyReason],
    ['crash', 'attempt 6 leaves the guest alone, as the earlier ones failed'],
  );
});
