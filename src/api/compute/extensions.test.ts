import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GuestExtensionRecord, putGuestExtension } from '../../db/guestExtensions.ts';
import { listItems } from '../../db/items.ts';
import { itemPath, machinePath, makeVault, protect } from '../testing/paths.ts';
import { type TestServer, testServer } from '../testing/testServer.ts';

const COMPUTE = '2024-11-01';
const EXTENSION = `${machinePath('web01')}/extensions/VMSnapshotLinux`;

const record = (server: TestServer, different: Partial<GuestExtensionRecord>): GuestExtensionRecord => {
  const { host, resourceGroup, name: vmName, vmId } = server.machines[0]!;
  return { host, resourceGroup, vmName, vmId, status: 'installed', since: server.clock.now(), ...different };
};

const get = (server: TestServer, path: string) => server.call('GET', path, undefined, COMPUTE);

test('the extension of a machine is shown as compute shows extensions', async () => {
  await using server = await testServer();
  await putGuestExtension(server.db.queries, record(server, { version: '1.0' }));
  const { status, body } = await get(server, `${EXTENSION.replace('VMSnapshotLinux', 'vmsnapshotlinux')}`);
  assert.deepEqual(
    [status, body],
    [
      200,
      {
        id: EXTENSION,
        name: 'VMSnapshotLinux',
        type: 'Microsoft.Compute/virtualMachines/extensions',
        location: 'westeurope',
        properties: {
          publisher: 'Microsoft.Azure.RecoveryServices',
          type: 'VMSnapshotLinux',
          typeHandlerVersion: '1.0',
          autoUpgradeMinorVersion: true,
          enableAutomaticUpgrade: true,
          settings: {},
          provisioningState: 'Succeeded',
        },
      },
    ],
  );
  const list = await get(server, `${machinePath('web01')}/extensions?$expand=instanceView`);
  const [shown] = list.body.value;
  assert.equal(shown.properties.instanceView.statuses[0].code, 'ProvisioningState/succeeded');
  const view = await get(server, `${machinePath('web01')}/instanceView`);
  assert.deepEqual(view.body.extensions, [shown.properties.instanceView]);
  assert.equal(view.body.vmAgent.extensionHandlers[0].type, 'Microsoft.Azure.RecoveryServices.VMSnapshotLinux');
  const machine = await get(server, machinePath('web01'));
  assert.deepEqual(machine.body.resources, [body]);
});

test('one that is awaited or failed says so and why', async () => {
  await using server = await testServer();
  const show = async () => (await get(server, `${EXTENSION}?$expand=instanceView`)).body.properties;
  await putGuestExtension(server.db.queries, record(server, { status: 'pending', message: 'The machine is off.' }));
  const pending = await show();
  assert.deepEqual(
    [pending.provisioningState, pending.instanceView.statuses[0].message],
    ['Creating', 'The machine is off.'],
  );
  const why = { message: 'guest-exec is blocked', recommendation: 'Allow it.' };
  await putGuestExtension(server.db.queries, record(server, { status: 'failed', ...why }));
  const failed = await show();
  assert.equal(failed.provisioningState, 'Failed');
  assert.deepEqual(
    [failed.instanceView.statuses[0].level, failed.instanceView.statuses[0].message],
    ['Error', 'guest-exec is blocked Allow it.'],
  );
});

test('a failed one is among what the item says of its health', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server, 'web01');
  const [item] = await listItems(server.db.queries);
  const failed = record(server, { status: 'failed', message: 'no agent', recommendation: 'Install it.' });
  await putGuestExtension(server.db.queries, { ...failed, vmId: item!.vmId });
  const { body } = await server.call('GET', itemPath('web01'));
  assert.deepEqual(body.properties.healthDetails, [
    { title: 'UserErrorGuestAgentStatusUnavailable', message: 'no agent', recommendations: ['Install it.'] },
  ]);
});

test('a machine without one, one made anew, and another extension have none', async () => {
  await using server = await testServer();
  const list = async () => (await get(server, `${machinePath('web01')}/extensions`)).body.value;
  assert.deepEqual(await list(), []);
  await putGuestExtension(server.db.queries, record(server, { vmId: 'another' }));
  assert.deepEqual(await list(), []);
  await putGuestExtension(server.db.queries, record(server, { status: 'unsupported' }));
  assert.deepEqual(await list(), []);
  await putGuestExtension(server.db.queries, record(server, {}));
  const other = await get(server, EXTENSION.replace('VMSnapshotLinux', 'CustomScript'));
  assert.deepEqual([other.status, other.body.error.code], [404, 'ResourceNotFound']);
  const nobody = await get(server, EXTENSION.replace('web01', 'nobody'));
  assert.deepEqual([nobody.status, nobody.body.error.code], [404, 'ResourceNotFound']);
  const unknown = await get(server, `${EXTENSION}?$expand=everything`);
  assert.deepEqual([unknown.status, unknown.body.error.code], [400, 'InvalidParameter']);
});
