import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { buildGuest, GUEST_APPEND } from '../../scripts/guest/build.ts';
import { freePort, LOCATION, tool, whyNoQemu } from './guestRig.ts';
import { ServerProcess } from './serverProcess.ts';

const skip = (await whyNoQemu()) ?? false;

/** A data folder whose image folder holds the tiny guest. */
async function dataWithImage(): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'strongroom-compute-'));
  const images = join(data, 'images');
  await mkdir(images);
  const { kernel, initrd } = await buildGuest(resolve('.cache/guest'));
  await copyFile(kernel, join(images, 'vmlinuz'));
  await copyFile(initrd, join(images, 'initrd.gz'));
  await tool('qemu-img', 'create', '-q', '-f', 'qcow2', join(images, 'tiny.qcow2'), '64M');
  const boot = { kernel: 'vmlinuz', initrd: 'initrd.gz', append: GUEST_APPEND };
  await writeFile(join(images, 'tiny.json'), JSON.stringify({ boot }));
  return data;
}

interface Machine {
  readonly properties: {
    readonly storageProfile: { readonly osDisk: object; readonly dataDisks: readonly object[] };
    readonly instanceView: {
      readonly vmAgent: { readonly statuses: readonly { readonly displayStatus: string }[] };
      readonly statuses: readonly { readonly code: string }[];
    };
  };
}

test('a deployment boots a real machine, which takes a disk while it runs, is stopped, started and deleted', {
  skip,
}, async () => {
  const data = await dataWithImage();
  const server = await ServerProcess.start(data, await freePort());
  const { arm } = server;
  const group = `/subscriptions/${arm.subscriptionId}/resourceGroups/made`;
  const machine = `${group}/providers/Microsoft.Compute/virtualMachines/vm1`;
  const network = `${group}/providers/Microsoft.Network`;
  const done = async (provider: 'compute' | 'resources', method: string, path: string, body?: unknown) => {
    const { headers } = await arm.send(method, provider, path, body === undefined ? {} : { body });
    const status = headers['azure-asyncoperation'] ?? headers.location;
    for (;;) {
      const answer = await arm.send<{ status?: string; error?: unknown }>('GET', provider, String(status));
      if (answer.status === 200 && answer.body?.status !== 'InProgress') {
        assert.equal(answer.body?.error, undefined, JSON.stringify(answer.body));
        return;
      }
      await delay(100);
    }
  };
  const view = () => arm.get<Machine>('compute', machine, { query: { $expand: 'instanceView' } });
  const until = async (fits: (machine: Machine) => boolean, what: string) => {
    for (let tries = 0; tries < 150; tries++) {
      if (fits(await view())) return;
      await delay(200);
    }
    assert.fail(`the machine never came to ${what}`);
  };
  const agentReady = ({ properties }: Machine) =>
    properties.instanceView.vmAgent.statuses[0]?.displayStatus === 'Ready';
  try {
    await arm.send('PUT', 'resources', group, { body: { location: LOCATION } });
    const subnet = { id: `${network}/virtualNetworks/net/subnets/s` };
    const resources = [
      {
        ...{ type: 'Microsoft.Compute/virtualMachines', name: 'vm1', apiVersion: '2022-08-01', location: LOCATION },
        dependsOn: ['Microsoft.Network/networkInterfaces/card'],
        properties: {
          hardwareProfile: { vmSize: 'Standard_B1ls' },
          storageProfile: {
            imageReference: { publisher: 'local', offer: 'tiny', sku: 'default', version: 'latest' },
            osDisk: { createOption: 'FromImage', deleteOption: 'Delete' },
          },
          networkProfile: { networkInterfaces: [{ id: `${network}/networkInterfaces/card` }] },
          osProfile: { computerName: 'vm1', adminUsername: 'ops', adminPassword: 'Correct-Horse-9' },
        },
      },
      {
        ...{ type: 'Microsoft.Network/networkInterfaces', name: 'card', apiVersion: '2022-01-01', location: LOCATION },
        dependsOn: ['net'],
        properties: { ipConfigurations: [{ name: 'ip', properties: { subnet } }] },
      },
      {
        ...{ type: 'Microsoft.Network/virtualNetworks', name: 'net', apiVersion: '2022-01-01', location: LOCATION },
        properties: { subnets: [{ name: 's', properties: { addressPrefix: '10.7.0.0/24' } }] },
      },
    ];
    const deployment = `${group}/providers/Microsoft.Resources/deployments/first`;
    await done('resources', 'PUT', deployment, { properties: { mode: 'Incremental', template: { resources } } });
    await until(agentReady, 'an agent that answers');

    const { properties } = await view();
    const extra = { lun: 0, name: 'extra', createOption: 'Empty', diskSizeGB: 1, managedDisk: {} };
    const storageProfile = { ...properties.storageProfile, dataDisks: [extra] };
    await done('compute', 'PUT', machine, { location: LOCATION, properties: { storageProfile } });
    assert.equal((await view()).properties.storageProfile.dataDisks.length, 1);

    await done('compute', 'POST', `${machine}/powerOff`);
    assert.equal((await view()).properties.instanceView.statuses[1]?.code, 'PowerState/stopped');
    await done('compute', 'POST', `${machine}/start`);
    await until(agentReady, 'an agent that answers after its restart');
    assert.equal((await view()).properties.storageProfile.dataDisks.length, 1);

    await done('resources', 'DELETE', group);
    assert.equal(await arm.find('compute', machine), undefined);
    const left = await tool('find', join(data, 'host-state/qemu/kept-disks'), '-name', '*.qcow2');
    assert.equal(left, '');
  } finally {
    await arm.send('POST', 'compute', `${machine}/powerOff`, { query: { skipShutdown: 'true' } }).catch(() => {});
    await server.stop();
    await rm(data, { recursive: true, force: true });
  }
});
