import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { accepted, CONTAINER, MACHINE, POLICY, protectable, VAULT, vault } from '../testing/samples.ts';
import { IN_VAULT, jobOut, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

const PROTECTABLE = `${VAULT}/backupProtectableItems`;

test('enable-for-vm discovers the machine when the vault does not know it yet', async () => {
  const refresh = `${VAULT}/backupFabrics/Azure/refreshContainers`;
  const result = `${VAULT}/backupFabrics/Azure/operationResults/r1`;
  world.on('GET', PROTECTABLE, { body: { value: [] } }, { body: { value: [protectable] } });
  world.on('POST', refresh, {
    status: 202,
    headers: { location: `${world.endpoint}${result}?api-version=2025-02-01` },
  });
  world.on('GET', result, { status: 202 }, { status: 204 });
  world.on('PUT', `${CONTAINER}/protectedItems/vm;iaasvmcontainerv2;rg-north;Web-01`, accepted(world.endpoint));
  const words = ['protection', 'enable-for-vm', ...IN_VAULT, '--vm', 'web-01', '-p', 'Nightly'];
  const { code, stdout } = await runCli(world, ...words, '--disk-list-setting', 'Include', '--diskslist', '0', '1');
  assert.equal(code, 0);
  assert.equal(jobOut(stdout).name, 'job-7');
  assert.deepEqual(world.bodyOf('PUT'), {
    properties: {
      protectedItemType: 'Microsoft.Compute/virtualMachines',
      sourceResourceId: MACHINE,
      policyId: POLICY,
      extendedProperties: { diskExclusionProperties: { diskLunList: [0, 1], isInclusionList: true } },
    },
  });
  assert.deepEqual(
    world.asked().map((line) => line.replace(/^(GET) \/.*\/(virtualMachines\/)/, '$1 $2')),
    [
      'GET virtualMachines/web-01',
      'GET V',
      'GET V/backupPolicies/Nightly',
      'GET V/backupProtectableItems',
      'POST V/backupFabrics/Azure/refreshContainers',
      'GET V/backupFabrics/Azure/operationResults/r1',
      'GET V/backupFabrics/Azure/operationResults/r1',
      'GET V/backupProtectableItems',
      `PUT ${CONTAINER.replace(VAULT, 'V')}/protectedItems/vm;iaasvmcontainerv2;rg-north;Web-01`,
      'GET V/backupOperations/op-1',
      'GET V/backupOperations/op-1',
      'GET V/backupJobs/job-7',
    ],
  );
});

test('enable-for-vm refuses a machine of another location before anything is changed', async () => {
  world.on('GET', VAULT, { body: { ...vault, location: 'south' } });
  const { code, stderr } = await runCli(
    world,
    'protection',
    'enable-for-vm',
    ...IN_VAULT,
    '--vm',
    MACHINE,
    '-p',
    'nightly',
  );
  assert.equal(code, 1);
  assert.match(stderr, /\(InvalidResourceLocation\) Machine Web-01 is in North, vault safe in south/);
  assert.ok(world.asked().every((line) => line.startsWith('GET')));
});
