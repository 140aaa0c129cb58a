import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SUBSCRIPTION } from '../testing/fakeArm.ts';
import { runCli } from '../testing/runCli.ts';
import { accepted, MACHINE, point } from '../testing/samples.ts';
import { ON_ITEM, POINT, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('restore-disks names its target: a storage account, or a place in the additive property bag', async () => {
  world.on('POST', `${POINT}/restore`, accepted(world.endpoint));
  const words = ['restore', 'restore-disks', ...ON_ITEM, '-r', point.name];
  const cases: [words: string[], more: unknown][] = [
    [['--target-folder', 'drill'], { strongroom: { targetFolder: 'drill' } }],
    [
      ['--image-host', 'shelf', '--machine-name', 'web-copy', '--diskslist', '-1', '0', '-t', 'rg2'],
      {
        targetResourceGroupId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg2`,
        restoreDiskLunList: [-1, 0],
        strongroom: { imageHost: 'shelf', machineName: 'web-copy' },
      },
    ],
    [
      ['--storage-account', 'staging01', '--restore-only-osdisk'],
      {
        storageAccountId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/${ON_ITEM[1]}/providers/Microsoft.Storage/storageAccounts/staging01`,
        restoreDiskLunList: [],
      },
    ],
  ];
  for (const [target, more] of cases) {
    const { code, stderr } = await runCli(world, ...words, ...target);
    assert.equal(code, 0, stderr);
    assert.deepEqual(world.bodyOf('POST'), {
      properties: {
        objectType: 'IaasVMRestoreRequest',
        recoveryPointId: point.name,
        recoveryType: 'RestoreDisks',
        sourceResourceId: MACHINE,
        region: 'north',
        createNewCloudService: false,
        originalStorageAccountOption: false,
        ...(more as object),
      },
    });
  }
});
