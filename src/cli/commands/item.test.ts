import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { item } from '../testing/samples.ts';
import { IN_VAULT, ITEMS, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('items are found by friendly and native names, without case; two of a name are not guessed at', async () => {
  const native = ['IAASVMCONTAINER;iaasvmcontainerv2;rg-north;web-01', 'vm;iaasvmcontainerv2;rg-north;WEB-01'];
  for (const [container, name] of [native, ['iaasvmcontainerv2;rg-north;web-01', 'web-01'], ['WEB-01', 'Web-01']]) {
    const words = ['item', 'show', ...IN_VAULT, '-c', container as string, '-n', name as string];
    assert.equal((await runCli(world, ...words, '--query', 'name', '-o', 'tsv')).stdout.trimEnd(), item.name);
  }
  assert.equal((await runCli(world, 'item', 'show', ...IN_VAULT, '-c', 'web-01', '-n', 'web-02')).code, 3);
  const twin = { ...item, id: `${item.id}2`, name: `${item.name}2` };
  world.on('GET', ITEMS, { body: { value: [item, twin] } });
  const { code, stderr } = await runCli(world, 'item', 'show', ...IN_VAULT, '-c', 'web-01', '-n', 'web-01');
  assert.equal(code, 2);
  assert.match(stderr, /'web-01' stands for .*; give a native name/);
});
