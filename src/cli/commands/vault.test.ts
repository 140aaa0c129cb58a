import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { accepted, ITEM, operation, VAULT, vault } from '../testing/samples.ts';
import { startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('vault create: looks first, puts, waits out the operation, tells of the recovery kit, shows the vault', async () => {
  const status = `${VAULT}/operationStatus/v1`;
  world.on(
    'GET',
    VAULT,
    { status: 404, body: { error: { code: 'ResourceNotFound', message: 'No.' } } },
    { body: vault },
  );
  const header = { 'azure-asyncoperation': `${world.endpoint}${status}?api-version=2024-04-01`, 'retry-after': '1' };
  world.on('PUT', VAULT, { status: 201, headers: header, body: vault });
  world.on('GET', status, { body: operation('InProgress') }, { body: operation('Succeeded') });
  const properties = { recoveryKit: { path: '/srv/keys/kit.txt' } };
  world.on('GET', `${VAULT}/stores/default`, { body: { properties } });
  const words = ['vault', 'create', '-g', 'rg-north', '-n', 'safe', '-l', 'north', '--tags', 'team=blue', 'alone'];
  const { code, stdout, stderr } = await runCli(world, ...words, '--immutability-state', 'unlocked');
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as { name: string }).name, 'safe');
  const polls = ['GET V/operationStatus/v1', 'GET V/operationStatus/v1'];
  assert.deepEqual(world.asked(), ['GET V', 'PUT V', ...polls, 'GET V/stores/default', 'GET V']);
  assert.match(stderr, /recovery kit of this vault.*\/srv\/keys\/kit\.txt on the server/);
  assert.deepEqual(world.bodyOf('PUT'), {
    location: 'north',
    tags: { team: 'blue', alone: '' },
    sku: { name: 'Standard' },
    properties: { securitySettings: { immutabilitySettings: { state: 'Unlocked' } } },
  });
});

test('vault create of a vault that exists changes it', async () => {
  world.on('PATCH', VAULT, { body: vault });
  assert.equal((await runCli(world, 'vault', 'create', '-g', 'rg-north', '-n', 'safe', '-l', 'north')).code, 0);
  assert.deepEqual(world.asked(), ['GET V', 'PATCH V', 'GET V']);
});

test('vault delete asks first, and waits at Location', async () => {
  const result = `${VAULT}/operationResults/d1`;
  world.on('DELETE', VAULT, {
    status: 202,
    headers: { location: `${world.endpoint}${result}?api-version=2024-04-01` },
  });
  world.on('GET', result, { status: 202 }, { status: 204 });
  const words = ['vault', 'delete', '-g', 'rg-north', '-n', 'safe'];
  const alone = await runCli(world, ...words);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /'-y, --yes'/);
  const no = await runCli({ ...world, answer: 'n' }, ...words);
  assert.deepEqual([no.code, no.stderr], [1, 'ERROR: Nothing was done.\n']);
  assert.deepEqual(no.questions, ['Delete vault safe with its store and its key file? (y/n): ']);
  assert.deepEqual(world.asked(), []);
  const forced = await runCli({ ...world, answer: 'n' }, ...words, '--force');
  assert.match(forced.questions[0] ?? '', /delete their backups, then delete vault safe with its store and its key/);
  assert.equal((await runCli({ ...world, answer: 'Y' }, ...words)).code, 0);
  assert.deepEqual(world.asked(), ['DELETE V', 'GET V/operationResults/d1', 'GET V/operationResults/d1']);
});

test('vault delete --force deletes the items that stand in the way, then the vault', async () => {
  const message = 'Vault cannot be deleted as there are existing resources within the vault.';
  const refused = { status: 400, body: { error: { code: 'ServiceResourceNotEmptyWithContainerDetails', message } } };
  world.on('DELETE', VAULT, refused, { status: 204 });
  world.on('DELETE', ITEM, accepted(world.endpoint));
  assert.equal((await runCli(world, 'vault', 'delete', '-g', 'rg-north', '-n', 'safe', '-y')).code, 1);
  world.on('DELETE', VAULT, refused, { status: 204 });
  world.seen.length = 0;
  const { code } = await runCli(world, 'vault', 'delete', '-g', 'rg-north', '-n', 'safe', '-y', '--force');
  assert.equal(code, 0);
  const deleted = world.asked().filter((line) => line.startsWith('DELETE'));
  assert.deepEqual(deleted, ['DELETE V', `DELETE ${ITEM.replace(VAULT, 'V')}`, 'DELETE V']);
});

test('several ids give a list, one gives one', async () => {
  const words = ['vault', 'show', '--query', 'length(@)', '--ids'];
  assert.equal((await runCli(world, ...words, VAULT, VAULT)).stdout, '2\n');
  assert.equal((await runCli(world, 'vault', 'show', '--query', 'name', '-o', 'tsv', '--ids', VAULT)).stdout, 'safe\n');
});
