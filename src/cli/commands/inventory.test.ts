import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { SUBSCRIPTION } from '../testing/fakeArm.ts';
import { runCli } from '../testing/runCli.ts';
import { GROUP, machine, VAULT } from '../testing/samples.ts';
import { IN_VAULT, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('machines, groups, containers and the account answer', async () => {
  const subscription = { id: `/subscriptions/${SUBSCRIPTION}`, subscriptionId: SUBSCRIPTION, displayName: 'Own cloud' };
  world.on('GET', `/subscriptions/${SUBSCRIPTION}`, { body: { ...subscription, state: 'Enabled', tenantId: 't' } });
  world.on('GET', `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`, {
    body: { value: [machine] },
  });
  world.on('GET', `${VAULT}/backupProtectionContainers`, { body: { value: [] } });
  const group = { id: GROUP, name: 'rg-north', type: 'Microsoft.Resources/resourceGroups' };
  world.on('GET', GROUP, { body: group });
  world.on('DELETE', GROUP, { status: 202, headers: { location: `${world.endpoint}/gone` } });
  assert.match((await runCli(world, 'account', 'show')).stdout, /"name": "Own cloud"/);
  assert.match((await runCli(world, 'vm', 'list', '-o', 'table')).stdout, /Web-01 {2}rg-north .* Linux {2}2 /);
  assert.equal((await runCli(world, 'vm', 'list', '-d', '--query', '[].name', '-o', 'tsv')).stdout, 'Web-01\n');
  assert.equal(world.requests.at(-1)?.url.searchParams.get('$expand'), 'instanceView');
  assert.equal((await runCli(world, 'group', 'exists', '-n', 'rg-north')).stdout, 'true\n');
  assert.equal((await runCli(world, 'group', 'exists', '-n', 'rg-lost')).stdout, 'false\n');
  assert.equal((await runCli(world, 'group', 'delete', '-n', 'rg-north', '-y', '--no-wait')).code, 0);
  assert.equal((await runCli(world, 'container', 'list', ...IN_VAULT)).stdout, '[]\n');
  assert.equal((await runCli(world, 'container', 'show', ...IN_VAULT, '-n', 'web-01')).code, 3);
});
