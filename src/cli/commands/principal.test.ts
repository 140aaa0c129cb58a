import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';
import { startWorld, type World } from '../testing/world.ts';

const PASSWORD = 'correct "horse" battery';
let world: World;
let folder: string;
before(async () => {
  world = await startWorld();
  folder = await mkdtemp(join(tmpdir(), 'principal-'));
  await writeFile(join(folder, 'password'), `${PASSWORD}\n`);
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('a password comes from a file, goes in the body alone, and is hidden from --debug', async () => {
  const words = ['principal', 'create-user', '-n', 'bo@example.org', '--password-file', 'password', '--debug'];
  const { stderr, stdout } = await runCli({ ...world, cwd: folder }, ...words);
  const sent = world.bodyOf('PUT') as { properties: { password: string } };
  assert.equal(sent.properties.password, PASSWORD);
  assert.ok(!`${stderr}${stdout}${world.seen.join()}`.includes('battery'));
  assert.match(stderr, /"password":"\*\*\*"/);
});

test('without a file and without a terminal nobody is asked', async () => {
  const { code, stderr } = await runCli(world, 'principal', 'create-user', '-n', 'bo@example.org');
  assert.equal(code, 2);
  assert.match(stderr, /--password-file/);
});
