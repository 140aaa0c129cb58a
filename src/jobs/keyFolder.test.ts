import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { KeyFolder } from './keyFolder.ts';

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-keys-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a key is named as the operator names it; one that the server made is nobody’s choice', () =>
  withFolder(async (folder) => {
    const keys = new KeyFolder(folder);
    await keys.make('v1');
    assert.deepEqual(await keys.names('v1'), {
      present: { isServerMade: true, keyUri: 'strongroom://keys/v1/file' },
    });
    const next = { kind: 'command', argv: ['/usr/bin/vault-key'], keyUri: 'https://keys.example/{vaultId}/2' };
    await writeFile(keys.nextFile('v1'), JSON.stringify(next));
    assert.deepEqual((await keys.names('v1')).next, { isServerMade: false, keyUri: 'https://keys.example/v1/2' });
    await keys.finish('v1');
    assert.deepEqual(await keys.names('v1'), {
      present: { isServerMade: false, keyUri: 'https://keys.example/v1/2' },
    });
  }));

test('a key that is made anew by the server stays its own, one elsewhere is the operator’s', () =>
  withFolder(async (folder) => {
    const keys = new KeyFolder(folder);
    await keys.make('v1');
    await keys.begin('v1');
    await keys.finish('v1');
    assert.equal((await keys.names('v1')).present.isServerMade, true);
    await writeFile(join(folder, 'v2.kek.json'), '{"kind":"file","path":"/media/stick/v2.key"}');
    assert.deepEqual((await keys.names('v2')).present, {
      isServerMade: false,
      keyUri: 'strongroom://keys/v2/file',
    });
    await writeFile(join(folder, 'v3.kek.json'), '{"kind":"file","path":"k","keyUri":"two words"}');
    await assert.rejects(keys.names('v3'), (e) => isCoded(e, 'InvalidParameter') && e.target === 'keyUri');
  }));
