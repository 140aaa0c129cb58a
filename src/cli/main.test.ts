import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FakeArm, SECRET, SUBSCRIPTION, startFakeArm } from './testing/fakeArm.ts';
import { job, task, VAULT, vault } from './testing/samples.ts';

const LAUNCHER = fileURLToPath(new URL('../../scripts/strongroom', import.meta.url));

let arm: FakeArm;
before(async () => {
  arm = await startFakeArm();
});
after(() => arm[Symbol.asyncDispose]());

/** Starts the real program. */
function start(program: string, words: readonly string[]) {
  const child = spawn(program, words, { cwd: arm.folder, env: { ...process.env, STRONGROOM_CLIENT: arm.clientFile } });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (said.stdout += String(text)));
  child.stderr.on('data', (text) => (said.stderr += String(text)));
  return { child, said, over: once(child, 'close') as Promise<[code: number | null, signal: string | null]> };
}

test('the launcher works through symbolic links, from another folder', async () => {
  arm.on('GET', `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/vaults`, {
    body: { value: [vault] },
  });
  await symlink(LAUNCHER, join(arm.folder, 'first'));
  await symlink('first', join(arm.folder, 'strongroom'));
  const { over, said } = start(join(arm.folder, 'strongroom'), ['vault', 'list', '--query', '[].name', '-o', 'tsv']);
  assert.deepEqual(await over, [0, null]);
  assert.deepEqual(said, { stdout: 'safe\n', stderr: '' });
});

test('a real Ctrl-C ends the watching with 130 and leaves the job', async () => {
  arm.on('GET', `${VAULT}/backupJobs/job-7`, { body: job('InProgress', [task('Take Snapshot', 'InProgress')]) });
  const { child, over, said } = start(LAUNCHER, [
    'job',
    'wait',
    '-g',
    'rg-north',
    '-v',
    'safe',
    '-n',
    'job-7',
    '--debug',
  ]);
  while (!said.stderr.includes('.. Take Snapshot: in progress')) await once(child.stderr, 'data');
  child.kill('SIGINT');
  assert.deepEqual(await over, [130, null]);
  assert.equal(said.stdout, '');
  assert.match(said.stderr, /Job job-7 goes on in the vault\./);
  assert.ok(!said.stderr.includes(SECRET));
});

test('a reader that stops early is no failure', async () => {
  arm.on('GET', VAULT, { body: { ...vault, tags: { big: 'x'.repeat(1_000_000) } } });
  const { child, over, said } = start(LAUNCHER, ['vault', 'show', '-g', 'rg-north', '-n', 'safe']);
  child.stdout.destroy();
  assert.deepEqual(await over, [0, null]);
  assert.equal(said.stderr, '');
});
