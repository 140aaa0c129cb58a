import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CodedError } from '../../lib/error.ts';
import { FakeHost } from '../../machine/fakeHost.ts';
import type { LocalImage } from '../machineKeeper.ts';
import type { MachineSource } from '../machineSource.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/lab`;
const MACHINE = `${GROUP}/providers/Microsoft.Compute/virtualMachines/vm1`;
const DISKS = `${GROUP}/providers/Microsoft.Compute/disks`;
const NETWORK = `${GROUP}/providers/Microsoft.Network`;
const MIB = 2 ** 20;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKJmEjcNG2UugPOprBJKINWYJTAbe9mGZILURxKy5QFU ops@example';

interface Bench extends AsyncDisposable {
  readonly server: TestServer;
  readonly host: FakeHost;
  /** Waits until what was begun has ended, then asks how it ended. */
  endOf(answer: { headers: Readonly<Record<string, string | undefined>> }): Promise<{
    status: string;
    error?: { code: string; message: string; details?: { code: string; message: string }[] };
  }>;
}

async function openBench(): Promise<Bench> {
  const server = await testServer();
  const folder = await mkdtemp(join(tmpdir(), 'sr-compute-'));
  const host = new FakeHost({ name: 'farm', folder, clock: server.clock });
  const path = join(folder, 'tiny.raw');
  await writeFile(path, 'boot');
  await truncate(path, 64 * MIB);
  const image: LocalImage = {
    ...{ name: 'tiny', publisher: 'local', offer: 'tiny', sku: 'default', version: '1.0.0', osType: 'Linux', path },
    ...{ format: 'raw', sizeBytes: 64 * MIB, boot: {} },
  };
  const newer = { ...image, version: '1.10.0' };
  (server.services.hosts as MachineSource[]).push(host);
  Object.assign(server.services, { images: { list: async () => [image, newer] } });
  assert.equal((await server.call('PUT', GROUP, { location: 'westeurope' })).status, 201);
  return {
    server,
    host,
    async endOf({ headers }) {
      await server.services.work.idle();
      return (await server.call('GET', headers['azure-asyncoperation'] ?? '')).body;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The template that `az vm create` sends. */
const template = (more: object = {}, parameters: object = {}) => ({
  properties: {
    mode: 'incremental',
    parameters,
    template: {
      $schema: 'https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#',
      contentVersion: '1.0.0.0',
      parameters: Object.fromEntries(Object.keys(parameters).map((name) => [name, { type: 'securestring' }])),
      variables: {},
      resources: [
        {
          ...{
            apiVersion: '2022-08-01',
            type: 'Microsoft.Compute/virtualMachines',
            name: 'vm1',
            location: 'westeurope',
          },
          dependsOn: ['Microsoft.Network/networkInterfaces/vm1VMNic'],
          properties: {
            hardwareProfile: { vmSize: 'Standard_B1s' },
            networkProfile: {
              networkInterfaces: [{ id: `${NETWORK}/networkInterfaces/vm1VMNic`, properties: { deleteOption: null } }],
            },
            storageProfile: {
              osDisk: {
                createOption: 'fromImage',
                name: null,
                caching: 'ReadWrite',
                managedDisk: { storageAccountType: null },
              },
              imageReference: { publisher: 'local', offer: 'tiny', sku: 'default', version: 'latest' },
            },
            osProfile: {
              ...{ computerName: 'vm1', adminUsername: 'ops' },
              linuxConfiguration: {
                disablePasswordAuthentication: true,
                ssh: { publicKeys: [{ keyData: `${KEY}\n`, path: '/home/ops/.ssh/authorized_keys' }] },
              },
            },
            ...more,
          },
        },
        {
          ...{
            apiVersion: '2015-06-15',
            type: 'Microsoft.Network/networkInterfaces',
            name: 'vm1VMNic',
            location: 'westeurope',
          },
          dependsOn: ['Microsoft.Network/virtualNetworks/vm1VNET', 'Microsoft.Network/publicIpAddresses/vm1PublicIP'],
          properties: {
            ipConfigurations: [
              {
                name: 'ipconfigvm1',
                properties: {
                  privateIPAllocationMethod: 'Dynamic',
                  subnet: { id: `${NETWORK}/virtualNetworks/vm1VNET/subnets/vm1Subnet` },
                  publicIPAddress: { id: `${NETWORK}/publicIPAddresses/vm1PublicIP` },
                },
              },
            ],
          },
        },
        {
          ...{
            apiVersion: '2022-01-01',
            type: 'Microsoft.Network/publicIPAddresses',
            name: 'vm1PublicIP',
            location: 'westeurope',
          },
          properties: { publicIPAllocationMethod: null },
        },
        {
          ...{
            apiVersion: '2015-06-15',
            type: 'Microsoft.Network/virtualNetworks',
            name: 'vm1VNET',
            location: 'westeurope',
          },
          properties: {
            addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
            subnets: [{ name: 'vm1Subnet', properties: { addressPrefix: '10.0.0.0/24' } }],
          },
        },
      ],
      outputs: {},
    },
  },
});

const deploy = (server: TestServer, body: object, name = 'vm_deploy_1') =>
  server.call('PUT', `${GROUP}/providers/Microsoft.Resources/deployments/${name}`, body, '2022-09-01');

test('the template of az vm create makes a network and a running machine in order of need', async () => {
  await using bench = await openBench();
  const { server, host } = bench;
  const begun = await deploy(server, template());
  assert.equal(begun.status, 201);
  assert.deepEqual(await bench.endOf(begun).then(({ status }) => status), 'Succeeded');
  const { body } = await server.call('GET', `${MACHINE}?$expand=instanceView`);
  assert.equal(body.properties.provisioningState, 'Succeeded');
  assert.equal(body.properties.hardwareProfile.vmSize, 'Standard_B1s');
  assert.equal(body.properties.instanceView.statuses[1].code, 'PowerState/running');
  assert.equal(body.properties.networkProfile.networkInterfaces[0].id, `${NETWORK}/networkInterfaces/vm1VMNic`);
  assert.equal(body.properties.osProfile.adminUsername, 'ops');
  const spec = host.specs.get('lab/vm1');
  assert.deepEqual([spec?.memoryMiB, spec?.cpus], [1024, 1]);
  const card = await server.call('GET', `${NETWORK}/networkInterfaces/vm1VMNic`);
  assert.equal(card.body.properties.virtualMachine.id, MACHINE);
  const mac = card.body.properties.macAddress.toLowerCase().replaceAll('-', ':');
  assert.deepEqual(spec?.cards, [{ mac, net: '10.0.0.0/24', address: '10.0.0.4' }]);
  assert.ok(spec?.seed?.['vendor-data']?.includes(KEY));
  const disk = await server.call('GET', body.properties.storageProfile.osDisk.managedDisk.id);
  assert.deepEqual([disk.body.managedBy, disk.body.properties.diskState], [MACHINE, 'Attached']);
  assert.equal(disk.body.secret, undefined);
  const steps = await server.call('GET', `${GROUP}/providers/Microsoft.Resources/deployments/vm_deploy_1/operations`);
  assert.deepEqual(
    steps.body.value.map(
      (step: { properties: { targetResource: { resourceName: string } } }) =>
        step.properties.targetResource.resourceName,
    ),
    ['vm1VNET', 'vm1PublicIP', 'vm1VMNic', 'vm1'],
  );
});

test('a password reaches the guest as a hash, and nothing else that is kept or answered', async () => {
  await using bench = await openBench();
  const { server, host } = bench;
  const osProfile = { computerName: 'vm1', adminUsername: 'ops', adminPassword: "[parameters('adminPassword')]" };
  const begun = await deploy(server, template({ osProfile }, { adminPassword: { value: 'Correct-Horse-9' } }));
  assert.equal((await bench.endOf(begun)).status, 'Succeeded');
  const seed = host.specs.get('lab/vm1')?.seed?.['vendor-data'] ?? '';
  assert.match(seed, /"passwd": "\$6\$/);
  const rows = await server.db.queries.selectFrom('arm_resources').select('body').execute();
  const operations = await server.db.queries.selectFrom('operations').select('body').execute();
  const answers = [begun.body, (await server.call('GET', MACHINE)).body];
  assert.ok(!JSON.stringify([rows, operations, answers, seed]).includes('Correct-Horse-9'));
});

test('a machine is stopped, deallocated, started, and forgotten with its disk left', async () => {
  await using bench = await openBench();
  const { server } = bench;
  await bench.endOf(await deploy(server, template()));
  const stateAfter = async (action: string) => {
    const begun = await server.call('POST', `${MACHINE}/${action}`);
    assert.equal(begun.status, 202);
    assert.equal((await bench.endOf(begun)).status, 'Succeeded');
    return (await server.call('GET', `${MACHINE}/instanceView`)).body.statuses[1].code;
  };
  assert.equal(await stateAfter('powerOff?skipShutdown=true'), 'PowerState/stopped');
  assert.equal(await stateAfter('deallocate'), 'PowerState/deallocated');
  assert.equal(await stateAfter('start'), 'PowerState/running');
  assert.equal(await stateAfter('restart'), 'PowerState/running');
  const gone = await server.call('DELETE', MACHINE);
  assert.equal(gone.status, 202);
  assert.equal((await bench.endOf(gone)).status, 'Succeeded');
  assert.equal((await server.call('GET', MACHINE)).status, 404);
  assert.equal((await server.call('DELETE', MACHINE)).status, 204);
  const { body } = await server.call('GET', DISKS);
  assert.deepEqual(
    body.value.map((disk: { properties: { diskState: string } }) => disk.properties.diskState),
    ['Unattached'],
  );
  assert.equal((await server.call('DELETE', body.value[0].id)).status, 200);
  assert.equal(
    (await server.call('GET', `${NETWORK}/networkInterfaces/vm1VMNic`)).body.properties.virtualMachine,
    undefined,
  );
});

test('az vm disk attach puts the whole machine with one more disk; detach puts it without', async () => {
  await using bench = await openBench();
  const { server, host } = bench;
  await bench.endOf(await deploy(server, template()));
  const before = (await server.call('GET', MACHINE)).body;
  const put = async (dataDisks: object[]) => {
    const body = {
      ...before,
      properties: { ...before.properties, storageProfile: { ...before.properties.storageProfile, dataDisks } },
    };
    return server.call('PUT', MACHINE, body);
  };
  const extra = { lun: 0, name: 'extra', createOption: 'Empty', diskSizeGB: 1, managedDisk: {} };
  const begun = await put([extra]);
  assert.equal(begun.status, 200);
  assert.equal((await bench.endOf(begun)).status, 'Succeeded');
  const attached = (await server.call('GET', MACHINE)).body.properties.storageProfile.dataDisks;
  assert.deepEqual([attached[0].lun, attached[0].name, attached[0].diskSizeGB], [0, 'extra', 1]);
  assert.equal(attached[0].managedDisk.id, `${DISKS}/extra`);
  assert.equal((await host.find({ resourceGroup: 'lab', name: 'vm1' })).disks.length, 2);
  const same = await put(attached);
  assert.deepEqual([same.status, same.headers['azure-asyncoperation']], [200, undefined]);
  const twice = await put([
    ...attached,
    { ...extra, lun: 1, createOption: 'Attach', managedDisk: { id: `${DISKS}/extra` } },
  ]);
  assert.equal(twice.body.error.code, 'OperationNotAllowed');
  await bench.endOf(await put([]));
  assert.equal((await host.find({ resourceGroup: 'lab', name: 'vm1' })).disks.length, 1);
  assert.equal((await server.call('GET', `${DISKS}/extra`)).body.properties.diskState, 'Unattached');
  const again = await server.call('POST', `${MACHINE}/attachDetachDataDisks`, {
    dataDisksToAttach: [{ diskId: `${DISKS}/extra` }],
  });
  assert.equal((await bench.endOf(again)).status, 'Succeeded');
  assert.equal((await server.call('DELETE', `${DISKS}/extra`)).body.error.code, 'OperationNotAllowed');
});

test('what a host cannot do is refused with the field that asks for it', async () => {
  await using bench = await openBench();
  const { server } = bench;
  const codeOf = async (properties: object, more: object = {}) => {
    const { resources } = template(properties).properties.template;
    const body = { location: 'westeurope', properties: resources[0]?.properties, ...more };
    return (await server.call('PUT', MACHINE, body)).body.error;
  };
  await bench.endOf(await deploy(server, template()));
  await bench.endOf(await server.call('DELETE', MACHINE));
  const none = { networkProfile: null };
  assert.equal((await codeOf({ ...none, availabilitySet: { id: 'x' } })).target, 'availabilitySet');
  assert.equal((await codeOf(none, { zones: ['1'] })).target, 'zones');
  assert.match((await codeOf({ ...none, hardwareProfile: { vmSize: 'Standard_NC6' } })).message, /Standard_B1s/);
  const trusted = await codeOf({ ...none, securityProfile: { securityType: 'TrustedLaunch' } });
  assert.equal(trusted.target, 'properties.securityProfile.securityType');
  const storageProfile = {
    osDisk: { createOption: 'fromImage' },
    imageReference: { id: `${GROUP}/providers/Microsoft.Compute/images/huge` },
  };
  const image = await codeOf({ ...none, storageProfile });
  assert.deepEqual([image.code, image.message.includes('local:tiny:default:1.10.0')], ['ImageNotFound', true]);
  const onImageHost = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Shop/providers/Microsoft.Compute/virtualMachines/web01`;
  assert.equal((await server.call('POST', `${onImageHost}/start`)).body.error.code, 'OperationNotAllowed');
  assert.equal((await server.call('DELETE', onImageHost)).body.error.code, 'OperationNotAllowed');
});

test('a machine that cannot be made leaves nothing, and the deployment tells why', async () => {
  await using bench = await openBench();
  const { server, host } = bench;
  host.faults.failNext('start', new CodedError('HostUnavailable', 'no room'));
  const begun = await deploy(server, template());
  const end = await bench.endOf(begun);
  assert.deepEqual([end.status, end.error?.code], ['Failed', 'DeploymentFailed']);
  assert.deepEqual([end.error?.details?.[0]?.code, end.error?.details?.[0]?.message], ['HostUnavailable', 'no room']);
  const { body } = await server.call('GET', `${GROUP}/providers/Microsoft.Resources/deployments/vm_deploy_1`);
  assert.equal(body.properties.provisioningState, 'Failed');
  assert.equal((await server.call('GET', MACHINE)).status, 404);
  assert.deepEqual((await server.call('GET', DISKS)).body.value, []);
  assert.deepEqual((await host.list()).machines, []);
  const retried = await deploy(server, template(), 'again');
  assert.equal((await bench.endOf(retried)).status, 'Succeeded');
});

test('images stand as custom images and as versions of a marketplace, the newest first', async () => {
  await using bench = await openBench();
  const base = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/publishers`;
  const versions = `${base}/local/artifacttypes/vmimage/offers/tiny/skus/default/versions`;
  const { body } = await bench.server.call('GET', `${versions}?$top=1&$orderby=name%20desc`);
  assert.deepEqual(
    body.map(({ name }: { name: string }) => name),
    ['1.10.0', '1.0.0'],
  );
  const one = await bench.server.call('GET', `${versions}/1.10.0`);
  assert.equal(one.body.properties.osDiskImage.operatingSystem, 'Linux');
  assert.equal((await bench.server.call('GET', `${versions}/9.9.9`)).body.error.code, 'ImageNotFound');
  const custom = await bench.server.call('GET', `${GROUP}/providers/Microsoft.Compute/images/TINY`);
  assert.equal(custom.body.name, 'tiny');
});

test('a disk is imported from a VHD in a storage account that its caller may read', async () => {
  await using bench = await openBench();
  const { server } = bench;
  const account = `${GROUP}/providers/Microsoft.Storage/storageAccounts/staging01`;
  await server.call('PUT', account, { location: 'westeurope', sku: { name: 'Standard_LRS' }, kind: 'StorageV2' });
  const file = (await server.services.images.list())[0]?.path;
  const fileOf = ({ name }: { name: string }) => (name === 'a/os disk.vhd' ? file : undefined);
  Object.assign(server.services, { storage: { ...server.services.storage, fileOf } });
  const put = (sourceUri: string) => {
    const creationData = { createOption: 'Import', sourceUri, storageAccountId: account };
    return server.call('PUT', `${DISKS}/os`, { location: 'westeurope', properties: { osType: 'Linux', creationData } });
  };
  const base = 'https://staging01.blob.vault.example:8443';
  assert.match((await put(`${base}/vhds/none.vhd`)).body.error.message, /there is none at/);
  assert.match((await put('https://elsewhere.example/vhds/a.vhd')).body.error.message, /must begin with/);
  server.denied.add('Microsoft.Storage/storageAccounts/listKeys/action');
  assert.equal((await put(`${base}/vhds/a/os%20disk.vhd`)).body.error.code, 'AuthorizationFailed');
  server.denied.clear();
  const made = await put(`${base}/vhds/a/os%20disk.vhd?sig=x`);
  assert.deepEqual([made.status, made.body.properties.provisioningState], [202, 'Updating']);
  await server.services.work.idle();
  assert.equal((await server.call('GET', made.headers['azure-asyncoperation'] ?? '')).body.status, 'Succeeded');
  const { properties } = (await server.call('GET', `${DISKS}/os`)).body;
  assert.deepEqual([properties.diskSizeBytes, properties.creationData], [64 * MIB, { createOption: 'Import' }]);
  assert.equal((await put(`${base}/vhds/a/os%20disk.vhd`)).status, 200, 'it is there');
});
