import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LOCATION } from '../guestRig.ts';
import { IMAGE_NAME, type NeighbourRig } from './neighbourRig.ts';

const IN = '-g lab';

/** Groups, providers, networks, identities. */
export async function resourceCommands(t: TestContext, rig: NeighbourRig): Promise<void> {
  await t.test('groups, locations, providers', async () => {
    await rig.ok(`group create -n lab -l ${LOCATION} --tags floor=two`);
    await rig.ok('group update -n lab --set tags.wing=east');
    assert.deepEqual((await rig.ok('group show -n lab')).tags, { floor: 'two', wing: 'east' });
    assert.equal(await rig.ok('group exists -n lab'), true);
    assert.deepEqual(await rig.ok('group list --query [].name'), ['lab']);
    assert.deepEqual(await rig.ok('account list-locations --query [].name'), [LOCATION]);
    assert.equal((await rig.ok('account list')).length, 1);
    await rig.ok('provider register -n Microsoft.Compute');
    assert.equal(await rig.ok('provider show -n Microsoft.Compute --query registrationState'), 'Registered');
  });

  await t.test('networks', async () => {
    const prefix = '--address-prefixes 10.1.0.0/16 --subnet-name s1 --subnet-prefixes 10.1.0.0/24';
    await rig.ok(`network vnet create ${IN} -n net1 ${prefix}`);
    await rig.ok(`network vnet update ${IN} -n net1 --set tags.use="test"`);
    assert.equal(await rig.ok(`network vnet show ${IN} -n net1 --query tags.use`), 'test');
    const table = await rig.az.run('network', 'vnet', 'list', '-o', 'table');
    assert.match(table.stdout, /net1 +lab +westeurope +1 +10\.1\.0\.0\/16/);
    await rig.ok(`network vnet subnet create ${IN} --vnet-name net1 -n s2 --address-prefixes 10.1.1.0/24`);
    assert.equal((await rig.ok(`network vnet subnet list ${IN} --vnet-name net1`)).length, 2);
    await rig.ok(`network vnet subnet delete ${IN} --vnet-name net1 -n s2`);
    await rig.ok(`network nsg create ${IN} -n rules1`);
    assert.equal((await rig.ok('network nsg list')).length, 1);
    await rig.ok(`network public-ip create ${IN} -n door1`);
    assert.equal(await rig.ok(`network public-ip show ${IN} -n door1 --query provisioningState`), 'Succeeded');
    await rig.ok(`network nic create ${IN} -n card1 --vnet-name net1 --subnet s1 --network-security-group rules1`);
    assert.equal((await rig.ok('network nic list')).length, 1);
    assert.match(await rig.refused(`network vnet subnet delete ${IN} --vnet-name net1 -n s1`), /InUseSubnet/);
    // Debian 12's package lacks the module that these two need
    if (rig.az.version === '2.45.0') await rig.ok(`resource delete ${IN} -n card1 ${NIC}`);
    else {
      assert.equal(await rig.ok(`network nic show ${IN} -n card1 --query ${FIRST_ADDRESS}`), '10.1.0.4');
      await rig.ok(`network nic delete ${IN} -n card1`);
    }
    await rig.ok(`network public-ip delete ${IN} -n door1`);
    await rig.ok(`network nsg delete ${IN} -n rules1`);
  });

  await t.test('identities', async () => {
    const made = await rig.ok(`identity create ${IN} -n badge`);
    assert.equal((await rig.ok(`identity show ${IN} -n badge`)).principalId, made.principalId);
    assert.deepEqual(await rig.ok(`identity list ${IN} --query [].name`), ['badge']);
    await rig.ok(`identity delete ${IN} -n badge`);
  });
}

const NIC = '--resource-type Microsoft.Network/networkInterfaces';
const FIRST_ADDRESS = 'ipConfigurations[0].privateIPAddress';
const SIGN_IN = '--admin-username ops --admin-password Correct-Horse-9';
const CARD = ['--vnet-name', 'net1', '--subnet', 's1', '--public-ip-address', '', '--nsg', ''];

/** Machines and disks; leaves the machine 'shop' running, with two disks. */
export async function machineCommands(t: TestContext, rig: NeighbourRig): Promise<void> {
  const create = (line: string) => rig.az.ok(...`vm create ${IN} ${line} ${SIGN_IN}`.split(' '), ...CARD);
  const codes = 'instanceView.statuses[].code';
  const power = async () => (await rig.ok(`vm get-instance-view ${IN} -n shop --query ${codes}`))[1];

  await t.test('create of an image by name and by URN', async () => {
    assert.deepEqual(await rig.ok('image list --query [].name'), [IMAGE_NAME]);
    const made = await create(`-n shop --image ${IMAGE_NAME} --size Standard_B1ls --tags role=web`);
    assert.deepEqual([made.powerState, made.privateIpAddress], ['VM running', '10.1.0.4']);
    await create(`-n spare --image local:${IMAGE_NAME}:default:latest --size Standard_B1ls`);
    const shown = await rig.ok(`vm show -d ${IN} -n shop`);
    assert.deepEqual([shown.powerState, shown.privateIps, shown.tags.role], ['VM running', '10.1.0.4', 'web']);
    const listed = (await rig.ok('vm list -d --query [].[name,powerState]')) as [string, string][];
    assert.deepEqual(listed.sort(), [
      ['shop', 'VM running'],
      ['spare', 'VM running'],
    ]);
    const addresses = await rig.ok(`vm list-ip-addresses ${IN} -n shop`);
    assert.deepEqual(addresses[0].virtualMachine.network.privateIpAddresses, ['10.1.0.4']);
    await rig.ok(`vm delete ${IN} -n spare --yes`);
    assert.deepEqual(await rig.ok('vm list --query [].name'), ['shop']);
    const none = await rig.az.fails(
      'vm',
      'create',
      '-g',
      'lab',
      '-n',
      'x',
      '--image',
      'local:absent:default:latest',
      ...SIGN_IN.split(' '),
    );
    assert.match(none.stderr, /absent/);
  });

  await t.test('stop, start, restart, deallocate, resize', async () => {
    await rig.booted('shop');
    await rig.ok(`vm restart ${IN} -n shop`);
    await rig.ok(`vm stop ${IN} -n shop --skip-shutdown`);
    assert.equal(await power(), 'PowerState/stopped');
    await rig.ok(`vm deallocate ${IN} -n shop`);
    assert.equal(await power(), 'PowerState/deallocated');
    await rig.ok(`vm resize ${IN} -n shop --size Standard_B1s`);
    await rig.ok(`vm update ${IN} -n shop --set tags.owner=ops`);
    assert.deepEqual(await rig.ok(`vm show ${IN} -n shop --query [tags.owner,hardwareProfile.vmSize]`), [
      'ops',
      'Standard_B1s',
    ]);
    await rig.ok(`vm start ${IN} -n shop`);
    await rig.booted('shop');
  });

  await t.test('disks', async () => {
    await rig.ok(`disk create ${IN} -n extra --size-gb 1`);
    await rig.ok(`vm disk attach ${IN} --vm-name shop --name extra`);
    assert.equal(await rig.ok(`disk show ${IN} -n extra --query diskState`), 'Attached');
    assert.match(await rig.refused(`disk delete ${IN} -n extra --yes`), /attached/);
    await rig.ok(`vm disk detach ${IN} --vm-name shop --name extra`);
    await rig.ok(`disk delete ${IN} -n extra --yes`);
    await rig.ok(`vm disk attach ${IN} --vm-name shop --name stock --new --size-gb 1`);
    const luns = 'storageProfile.dataDisks[].[lun,name]';
    assert.deepEqual(await rig.ok(`vm show ${IN} -n shop --query ${luns}`), [[0, 'stock']]);
    assert.ok((await rig.ok('disk list --query [].name')).includes('stock'));
  });

  await t.test('resources of any type', async () => {
    const ids = (await rig.ok(`resource list ${IN} --query [].type`)) as string[];
    for (const type of ['virtualMachines', 'disks']) assert.ok(ids.includes(`Microsoft.Compute/${type}`), type);
    const machine = '--resource-type Microsoft.Compute/virtualMachines';
    assert.equal(await rig.ok(`resource show ${IN} -n shop ${machine} --query name`), 'shop');
  });
}

/** A vault comes back after it was deleted; machines and the empty group go. */
export async function removalCommands(t: TestContext, rig: NeighbourRig): Promise<void> {
  await t.test('the vault, and back', async () => {
    // what its recovery points need is not deleted with a group
    assert.match(await rig.refused(`group delete -n lab --yes`), /ResourceGroupDeletionBlocked/);
    await rig.ok(`backup vault delete ${IN} -n keep --yes --force`);
    assert.deepEqual(await rig.ok('backup vault list'), []);
    const version = 'api-version=2024-09-30-preview';
    const deleted = `/providers/Microsoft.RecoveryServices/locations/${LOCATION}/deletedVaults`;
    const { value } = await rig.rest('get', `${deleted}?${version}`);
    assert.equal(value.length, 1);
    const recoveryResourceGroupId = `/subscriptions/${rig.app.client.subscriptionId}/resourceGroups/lab`;
    await rig.rest('post', `${value[0].id}/undelete?${version}`, { properties: { recoveryResourceGroupId } });
    await rig.until('backup vault list --query [].name', (names) => names.includes('keep'));
    await rig.ok(`backup vault delete ${IN} -n keep --yes --force`);
  });

  await t.test('machines and a group', async () => {
    for (const machine of (await rig.ok('vm list --query [].name')) as string[])
      await rig.ok(`vm delete ${IN} -n ${machine} --yes`);
    assert.deepEqual(await rig.ok('vm list'), []);
    await rig.ok(`group create -n empty -l ${LOCATION}`);
    await rig.ok('network vnet create -g empty -n net2');
    await rig.ok('group delete -n empty --yes');
    assert.equal(await rig.ok('group exists -n empty'), false);
  });
}
