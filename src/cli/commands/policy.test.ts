import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { POLICY, policy } from '../testing/samples.ts';
import { IN_VAULT, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('policy set takes what policy show printed, without its nulls', async () => {
  world.on('PUT', POLICY, { body: policy });
  const shown = {
    ...policy,
    resourceGroup: 'rg-north',
    eTag: null,
    properties: { ...policy.properties, tieringPolicy: null },
  };
  const file = join(world.folder, 'policy.json');
  await writeFile(file, JSON.stringify(shown));
  for (const given of [JSON.stringify(shown), `@${file}`, file]) {
    assert.equal((await runCli(world, 'policy', 'set', ...IN_VAULT, '--policy', given)).code, 0);
    assert.deepEqual(world.bodyOf('PUT'), { properties: policy.properties });
  }
  const broken = await runCli(world, 'policy', 'set', ...IN_VAULT, '--policy', '{');
  assert.deepEqual([broken.code, broken.stdout], [2, '']);
});
