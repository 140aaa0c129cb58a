import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { CodedError, isCoded } from '../lib/error.ts';
import { type KekSource, keyCommand, parseKekSource, readKek } from './kek.ts';

const SECRET = 'quince-and-medlar';
const KEY = new Uint8Array(32).map((_, at) => at + 1);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-kek-'));
});
after(() => rm(folder, { recursive: true, force: true }));

let names = 0;
const written = async (content: string | Uint8Array): Promise<string> => {
  const path = join(folder, `file-${names++}`);
  await writeFile(path, content);
  return path;
};
/** A program of these lines. */
const program = async (...lines: readonly string[]): Promise<string> => {
  const path = await written(`#!/bin/sh\n${lines.join('\n')}\n`);
  await chmod(path, 0o700);
  return path;
};
const short = (argv: readonly string[]): KekSource => ({
  kind: 'command',
  argv,
  format: 'passphrase',
  timeoutSeconds: 1,
});

describe('a key-encryption key', () => {
  it('is read from a file, a passphrase file and a command', async () => {
    assert.deepEqual(await readKek({ kind: 'file', path: await written(KEY) }), { kind: 'file', bytes: KEY });
    for (const end of ['', '\n', '\r\n']) {
      const source = { kind: 'passphrase-file', path: await written(`${SECRET}${end}`) } as const;
      assert.deepEqual(await readKek(source), { kind: 'passphrase', passphrase: SECRET });
      const command = keyCommand([await program(`printf '${SECRET}${end.replace('\n', '\\n').replace('\r', '\\r')}'`)]);
      assert.deepEqual(await readKek(command), { kind: 'passphrase', passphrase: SECRET });
    }
    const base64 = Buffer.from(KEY).toString('base64');
    const command = keyCommand([await program(`echo ${base64}`, 'echo and more')], 'base64');
    assert.deepEqual(await readKek(command), { kind: 'file', bytes: KEY });
  });

  it('is given arguments as they stand, without a shell, and an empty input', async () => {
    const path = await program('cat', 'echo "$1"');
    const words = '$(id); `id` "x" \'y\' *';
    assert.deepEqual(await readKek(keyCommand([path, words])), { kind: 'passphrase', passphrase: words });
  });

  it('that cannot be had is an error without a word of what was read', async () => {
    const loud = `echo ${SECRET}; echo ${SECRET} >&2`;
    const refused: readonly (readonly [KekSource, string, RegExp])[] = [
      [{ kind: 'file', path: join(folder, 'gone') }, 'StoreObjectMissing', /is gone/],
      [{ kind: 'file', path: folder }, 'StoreIoFailed', /EISDIR/],
      [{ kind: 'file', path: await written(SECRET) }, 'InvalidParameter', /holds 17 bytes; a key file holds 32/],
      [{ kind: 'passphrase-file', path: await written('\n') }, 'InvalidParameter', /is empty/],
      [{ kind: 'passphrase-file', path: await written(Buffer.from([0xff])) }, 'InvalidParameter', /not UTF-8/],
      [keyCommand([join(folder, 'gone'), SECRET]), 'KeyCommandFailed', /does not exist/],
      [keyCommand([await written(loud)]), 'KeyCommandFailed', /could not be started \(EACCES\)/],
      [keyCommand([await program(loud, 'exit 3'), SECRET]), 'KeyCommandFailed', /ended with code 3/],
      [keyCommand([await program(loud, 'kill -9 $$')]), 'KeyCommandFailed', /ended by SIGKILL/],
      [short([await program(loud, 'exec sleep 60')]), 'KeyCommandFailed', /took longer than 1 s/],
      [keyCommand([await program(`yes ${SECRET}`)]), 'KeyCommandFailed', /more than 1024 bytes/],
      [keyCommand([await program('echo', loud)]), 'KeyCommandFailed', /an empty line/],
      [keyCommand([await program("printf '\\377\\n'")]), 'KeyCommandFailed', /not UTF-8/],
      [keyCommand([await program(loud)], 'base64'), 'KeyCommandFailed', /not 32 bytes in base64/],
    ];
    for (const [source, code, message] of refused) {
      await assert.rejects(readKek(source), (error) => {
        assert.ok(error instanceof CodedError);
        assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
        assert.equal(inspect(error, { depth: 9, showHidden: true }).includes(SECRET), false, error.message);
        return true;
      });
    }
  });

  it('is not waited for after the work was cancelled', async () => {
    const stop = new AbortController();
    const reading = readKek(keyCommand([await program('exec sleep 60')]), stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
  });
});

describe('a .kek.json', () => {
  const where = { name: 'default.kek.json', folder: '/keys', vaultId: 'v1' };
  const parse = (value: unknown, more: { ownFile?: string } = {}) =>
    parseKekSource(JSON.stringify(value), { ...where, ...more });

  it('names a file, a passphrase file or a command, for this vault', () => {
    assert.deepEqual(parse({ kind: 'file', path: 'a.key' }), { kind: 'file', path: '/keys/a.key' });
    assert.deepEqual(parse({ kind: 'file' }, { ownFile: 'v1.key' }), { kind: 'file', path: '/keys/v1.key' });
    assert.deepEqual(parse({ kind: 'passphrase-file', path: '/run/{vaultId}' }), {
      kind: 'passphrase-file',
      path: '/run/v1',
    });
    assert.deepEqual(
      parse({ kind: 'command', argv: ['/bin/key', 'vault/{vaultId}'] }),
      keyCommand(['/bin/key', 'vault/v1']),
    );
  });

  for (const value of [
    [],
    null,
    {},
    { kind: 'file' },
    { kind: 'file', path: 7 },
    { kind: 'file', path: 'a', argv: [] },
    { kind: 'file', path: 'a', colour: 'red' },
    { kind: 'passphrase', passphrase: SECRET },
    { kind: 'command', argv: [] },
    { kind: 'command', argv: 'pass show x' },
    { kind: 'command', argv: ['pass'] },
    { kind: 'command', argv: ['/bin/key', 1] },
    { kind: 'command', argv: ['/bin/key', '\0'] },
    { kind: 'command', argv: ['/bin/key'], path: 'a' },
    { kind: 'command', argv: ['/bin/key'], format: 'hex' },
    { kind: 'command', argv: ['/bin/key'], timeoutSeconds: 601 },
  ]) {
    it(`is refused when it is ${JSON.stringify(value)}`, () => {
      assert.throws(
        () => parse(value),
        (error) =>
          isCoded(error, 'InvalidParameter') && /Legal:/.test(error.message) && !error.message.includes(SECRET),
      );
    });
  }

  it('that is no JSON is not shown: it may be a key in the wrong file', () => {
    assert.throws(
      () => parseKekSource(SECRET, where),
      (error) => isCoded(error, 'InvalidParameter') && !inspect(error).includes(SECRET),
    );
  });
});
