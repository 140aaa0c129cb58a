import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LOCATION } from '../guestRig.ts';
import type { NeighbourRig } from './neighbourRig.ts';

const IN = '-g lab';
const ITEM = '-g lab -v keep -c shop -i shop';
const STAGING = '--storage-account stage1 --storage-account-resource-group lab';

/** A running machine is backed up, restored to a storage account, and made anew of the template that lies there. */
export async function disasterCommands(t: TestContext, rig: NeighbourRig): Promise<void> {
  let point = '';

  await t.test('back up', async () => {
    await rig.ok(`backup vault create ${IN} -n keep -l ${LOCATION}`);
    const properties = '--backup-storage-redundancy GeoRedundant --cross-region-restore-flag true';
    await rig.ok(`backup vault backup-properties set ${IN} -n keep ${properties}`);
    const [shown] = await rig.ok(`backup vault backup-properties show ${IN} -n keep`);
    assert.equal(shown.properties.crossRegionRestoreFlag, true);
    await rig.ok(`backup protection enable-for-vm ${IN} -v keep --vm shop -p DefaultPolicy`);
    const job = await rig.ok(`backup protection backup-now ${ITEM} --backup-management-type AzureIaasVM`);
    await rig.ended(job.name);
    [point] = (await rig.ok(`backup recoverypoint list ${ITEM} ${VM} --query [].name`)) as [string];
  });

  await t.test('restore, deploy: it runs', async () => {
    await rig.ok(`storage account create ${IN} -n stage1 -l ${LOCATION} --sku Standard_LRS`);
    const words = `backup restore restore-disks ${ITEM} -r ${point} ${STAGING}`;
    const job = await rig.ok(`${words} --restore-to-staging-storage-account true`);
    const bag = (await rig.ended(job.name)).properties.extendedInfo.propertyBag as Record<string, string>;
    const key = await rig.ok(`storage account keys list ${IN} -n stage1 --query [0].value`);
    const place = `--blob-endpoint ${rig.app.client.endpoint}/blob/stage1 --account-name stage1 --account-key ${key}`;
    const container = bag['Config Blob Container Name'] ?? '';
    const names = (await rig.ok(`storage blob list -c ${container} ${place} --query [].name`)) as string[];
    assert.equal(names.filter((name) => name.endsWith('.vhd')).length, 2, names.join());
    const template = names.find((name) => name.startsWith('azuredeploy')) ?? '';
    await rig.ok(`storage blob download -c ${container} -n ${template} -f deploy.json ${place} --no-progress`);
    const parameters = '--template-file deploy.json --parameters VirtualNetwork=net1 Subnet=s1';
    const checked = await rig.ok(`deployment group validate ${IN} ${parameters}`);
    assert.equal(checked.properties.provisioningState, 'Succeeded');
    const made = await rig.ok(`deployment group create ${IN} -n again ${parameters}`);
    assert.equal(made.properties.provisioningState, 'Succeeded');
    assert.equal(
      await rig.ok(`deployment group show ${IN} -n again --query properties.provisioningState`),
      'Succeeded',
    );
    assert.ok((await rig.ok(`deployment group list ${IN} --query [].name`)).includes('again'));
    assert.equal((await rig.ok(`deployment operation group list ${IN} -n again`)).length, 4);
    // its own disk holds all that it boots of
    await rig.booted('shop-restored');
    const luns = 'storageProfile.dataDisks[].lun';
    assert.deepEqual(await rig.ok(`vm show ${IN} -n shop-restored --query ${luns}`), [0]);
    const refused = await rig.refused(`deployment group create ${IN} -n wrong ${parameters} VirtualNetwork=nowhere`);
    assert.match(refused, /InvalidResourceReference|nowhere/);
  });

  await t.test('the secondary region', async () => {
    const far = '--use-secondary-region';
    // else it happens every 15 minutes
    const store = '/resourceGroups/lab/providers/Microsoft.RecoveryServices/vaults/keep/stores/default';
    await rig.rest('post', `${store}/replicate?api-version=2024-04-01`);
    await rig.until(`backup recoverypoint list ${ITEM} ${VM} ${far} --query [].name`, (names) => names.includes(point));
    const items = `backup item list ${IN} -v keep --backup-management-type AzureIaasVM ${far} --query [].name`;
    assert.equal((await rig.ok(items)).length, 1);
    await rig.ok(`group create -n refuge -l ${LOCATION}`);
    const words = `backup restore restore-disks ${ITEM} -r ${point} ${STAGING} ${far} --target-resource-group refuge`;
    const job = await rig.ok(words);
    await rig.ended(job.name, ` ${far}`);
    assert.equal((await rig.ok('disk list -g refuge')).length, 2);
    assert.ok((await rig.ok(`backup job list ${IN} -v keep ${far}`)).length >= 1);
    await rig.ok('group delete -n refuge --yes');
  });
}

const VM = '--backup-management-type AzureIaasVM --workload-type VM';
