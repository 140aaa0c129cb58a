import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CodedError } from './lib/error.ts';
import { notifierOptions, notifySettings } from './notifierOptions.ts';

test('without settings nobody is mailed, nothing is signed, nothing more is allowed', async () => {
  assert.deepEqual(await notifierOptions(notifySettings({}, 'vault.example')), { allowed: [] });
});

test('secrets are read from files; a bad one is refused without being told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-notify-'));
  try {
    const file = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const env = {
      STRONGROOM_SMTP: await file('smtp', 'smtps://me:hush@mail.example:465\n'),
      STRONGROOM_WEBHOOK_KEY: await file('key', 'sixteen bytes!!!'),
      STRONGROOM_WEBHOOK_ALLOW: ' Pager.example ,,10.0.0.1',
    };
    const options = await notifierOptions(notifySettings(env, 'vault.example'));
    assert.deepEqual(options.smtp, { url: 'smtps://me:hush@mail.example:465', from: 'strongroom@vault.example' });
    assert.deepEqual([options.signingKey?.length, options.allowed], [16, ['pager.example', '10.0.0.1']]);
    for (const [wrong, variable] of [
      [{ STRONGROOM_SMTP: await file('http', 'https://me:hush@mail.example') }, 'STRONGROOM_SMTP'],
      [{ STRONGROOM_SMTP: join(folder, 'none') }, 'STRONGROOM_SMTP'],
      [{ STRONGROOM_WEBHOOK_KEY: await file('short', 'hush') }, 'STRONGROOM_WEBHOOK_KEY'],
    ] as const)
      await assert.rejects(notifierOptions(notifySettings(wrong, 'h')), (error) => {
        assert.ok(error instanceof CodedError && error.message.includes(variable), String(error));
        assert.ok(!error.message.includes('hush'), 'no secret is told');
        return true;
      });
  } finally {
    await rm(folder, { recursive: true });
  }
});
