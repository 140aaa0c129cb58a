import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../lib/error.ts';
import { findMachine, listMachines } from './machines.ts';
import { GROUP, machinePath, makeVault, protect } from './testing/paths.ts';
import { machine, SUBSCRIPTION, testServer } from './testing/testServer.ts';

const COMPUTE = '2024-11-01';

test('machines are listed for the subscription and for a group', async () => {
  await using server = await testServer();
  server.machines.push(machine('desk01', { resourceGroup: 'Office' }));
  const list = async (path: string) =>
    (await server.call('GET', path, undefined, COMPUTE)).body.value.map((one: { id: string }) =>
      one.id.split('/').at(-1),
    );
  const all = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`;
  assert.deepEqual(await list(all), ['desk01', 'db01', 'web01']);
  assert.deepEqual(await list(`${GROUP.toLowerCase()}/providers/Microsoft.Compute/virtualMachines`), ['db01', 'web01']);
  const none = await server.call(
    'GET',
    `${GROUP.replace('Shop', 'None')}/providers/Microsoft.Compute/virtualMachines`,
    undefined,
    COMPUTE,
  );
  assert.deepEqual([none.status, none.body.error.code], [404, 'ResourceGroupNotFound']);
});

test('a machine has the shape of the compute provider, with its state when asked for', async () => {
  await using server = await testServer();
  const { body } = await server.call('GET', machinePath('WEB01'), undefined, COMPUTE);
  assert.deepEqual(body, {
    id: machinePath('web01'),
    name: 'web01',
    type: 'Microsoft.Compute/virtualMachines',
    location: 'westeurope',
    tags: {},
    properties: {
      vmId: '00000000-0000-0000-0000-0000000web01',
      provisioningState: 'Succeeded',
      storageProfile: {
        osDisk: { name: 'web01-os', osType: 'Linux', createOption: 'Attach', diskSizeGB: 8, managedDisk: {} },
        dataDisks: [{ lun: 0, name: 'web01-data', createOption: 'Attach', diskSizeGB: 64, managedDisk: {} }],
      },
      osProfile: { computerName: 'web01' },
      networkProfile: { networkInterfaces: [] },
    },
  });
  const expanded = await server.call('GET', `${machinePath('web01')}?$expand=instanceView`, undefined, COMPUTE);
  const view = await server.call('GET', `${machinePath('web01')}/instanceView`, undefined, COMPUTE);
  assert.deepEqual(expanded.body.properties.instanceView, view.body);
  assert.deepEqual(
    view.body.statuses.map((status: { code: string }) => status.code),
    ['ProvisioningState/succeeded', 'PowerState/running'],
  );
  assert.equal(view.body.vmAgent.statuses[0].displayStatus, 'Ready');
});

test('an unknown machine and an unknown $expand are refused', async () => {
  await using server = await testServer();
  const none = await server.call('GET', machinePath('none'), undefined, COMPUTE);
  assert.deepEqual([none.status, none.body.error.code], [404, 'ResourceNotFound']);
  const expand = await server.call('GET', `${machinePath('web01')}?$expand=secrets`, undefined, COMPUTE);
  assert.deepEqual([expand.status, expand.body.error.target], [400, '$expand']);
  assert.match(expand.body.error.message, /'instanceView'/);
});

test('a machine that is not found tells of the descriptions that cannot be used', async () => {
  await using server = await testServer();
  const problem = { code: 'MachineDescriptionInvalid', message: 'new.yaml: lun must be -1 to 63', target: 'new.yaml' };
  server.problems.push(problem);
  const shown = await server.call('GET', machinePath('new'), undefined, COMPUTE);
  assert.deepEqual([shown.status, shown.body.error.code], [404, 'ResourceNotFound']);
  assert.deepEqual(shown.body.error.details, [problem]);
  assert.match(shown.body.error.additionalInfo[0].info.recommendations[0], /descriptions cannot be used/);
  await makeVault(server);
  const refused = await protect(server, 'new');
  assert.deepEqual([refused.status, refused.body.error.code], [400, 'BCMV2VMNotFound']);
  assert.deepEqual(refused.body.error.details, [problem]);
  assert.equal((await server.call('GET', machinePath('web01'), undefined, COMPUTE)).status, 200);
});

test('a silent host hides its own machines only, and never makes a machine look deleted', async () => {
  await using server = await testServer();
  const silent = {
    name: 'cellar',
    kind: 'qemu',
    list: () => Promise.reject(new CodedError('HostUnavailable', 'No answer.')),
    find: () => Promise.reject(new CodedError('HostUnavailable', 'No answer.')),
  };
  const services = { ...server.services, hosts: [silent, ...server.services.hosts] };
  assert.equal((await listMachines(services)).length, 2);
  assert.equal((await findMachine(services, { resourceGroup: 'shop', name: 'WEB01' }))?.name, 'web01');
  await assert.rejects(findMachine(services, { resourceGroup: 'Shop', name: 'none' }), { code: 'HostUnavailable' });
});
