import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type FakeRequest, SUBSCRIPTION } from '../testing/fakeArm.ts';
import { runCli } from '../testing/runCli.ts';
import { GROUP, MACHINE, machine, VAULT } from '../testing/samples.ts';
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
  assert.equal((await runCli(world, 'group', 'exists', '-n', 'rg-north')).stdout, 'true\n');
  assert.equal((await runCli(world, 'group', 'exists', '-n', 'rg-lost')).stdout, 'false\n');
  assert.equal((await runCli(world, 'group', 'delete', '-n', 'rg-north', '-y', '--no-wait')).code, 0);
  assert.equal((await runCli(world, 'container', 'list', ...IN_VAULT)).stdout, '[]\n');
  assert.equal((await runCli(world, 'container', 'show', ...IN_VAULT, '-n', 'web-01')).code, 3);
});

test('machines come with their power state in one request, with and without -d', async () => {
  const statuses = [{ code: 'PowerState/running', level: 'Info', displayStatus: 'VM running' }];
  const on = { ...machine, properties: { ...machine.properties, instanceView: { statuses } } };
  const expanded = (body: unknown, plain: unknown) => (request: FakeRequest) => ({
    body: request.url.searchParams.get('$expand') === 'instanceView' ? body : plain,
  });
  const all = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`;
  world.on('GET', all, expanded({ value: [on] }, { value: [machine] }));
  world.on('GET', MACHINE, expanded(on, machine));
  for (const words of [['list'], ['list', '-d'], ['show', '--ids', MACHINE]]) {
    world.seen.length = 0;
    const { stdout, stderr } = await runCli(world, 'vm', ...words, '-o', 'table');
    assert.match(stdout, /Web-01 {2}rg-north {8}running /, stderr);
    assert.equal(world.seen.length, 1);
  }
});
