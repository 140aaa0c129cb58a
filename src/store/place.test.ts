import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { parsePlace, specOf } from './place.ts';

const LOCK = { mode: 'compliance', landingDays: 7 } as const;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-place-'));
  await writeFile(join(folder, 'worker'), 'worker secret\n');
  await writeFile(join(folder, 'reaper'), 'reaper secret');
  await writeFile(join(folder, 'empty'), '\n');
});
after(() => rm(folder, { recursive: true }));

const bucket = (fields: object = {}) => ({
  name: 'east',
  kind: 's3',
  endpoint: 'https://s3.example.net',
  bucket: 'vaults',
  accessKeyId: 'worker',
  secretAccessKeyFile: join(folder, 'worker'),
  ...fields,
});

describe('a place', () => {
  it('on a disk is a folder a store', async () => {
    const place = parsePlace({ name: 'local', kind: 'disk', folder: '/srv/stores' });
    assert.deepEqual(await specOf(place, 'vault-1', { lock: LOCK }), { kind: 'disk', folder: '/srv/stores/vault-1' });
  });

  it('in a bucket is a prefix a store, with the secret of who asks', async () => {
    const place = parsePlace(
      bucket({
        prefix: 'strongroom/',
        region: 'north',
        lock: true,
        reaper: { accessKeyId: 'reaper', secretAccessKeyFile: join(folder, 'reaper') },
      }),
    );
    const spec = {
      kind: 's3',
      endpoint: 'https://s3.example.net',
      region: 'north',
      bucket: 'vaults',
      prefix: 'strongroom/vault-1/',
      credentials: { accessKeyId: 'worker', secretAccessKey: 'worker secret' },
      lock: LOCK,
    };
    assert.deepEqual(await specOf(place, 'vault-1', { lock: LOCK }), spec);
    const credentials = { accessKeyId: 'reaper', secretAccessKey: 'reaper secret' };
    assert.deepEqual(await specOf(place, 'vault-1', { lock: LOCK, asReaper: true }), { ...spec, credentials });
  });

  it('is not asked to lock when it cannot', async () => {
    const spec = await specOf(parsePlace(bucket()), 'vault-1', { lock: LOCK, asReaper: true });
    assert.equal('lock' in spec, false);
  });

  it('in a container and with a daemon has the same parts', async () => {
    const container = parsePlace({
      name: 'far',
      kind: 'azureBlob',
      endpoint: 'http://127.0.0.1:10000/account',
      container: 'vaults',
      accountName: 'account',
      accountKeyFile: join(folder, 'worker'),
    });
    assert.deepEqual(await specOf(container, 'v'), {
      kind: 'azureBlob',
      endpoint: 'http://127.0.0.1:10000/account',
      container: 'vaults',
      prefix: 'v/',
      credentials: { accountName: 'account', accountKey: 'worker secret' },
    });
    const daemon = parsePlace({ name: 'd', kind: 'daemon', socket: '/run/store', reaper: { socket: '/run/reaper' } });
    assert.deepEqual(await specOf(daemon, 'v', { lock: LOCK }), {
      kind: 'daemon',
      socket: '/run/store',
      store: 'v',
      lock: LOCK,
    });
    assert.equal(((await specOf(daemon, 'v', { asReaper: true })) as { socket: string }).socket, '/run/reaper');
  });

  for (const [wrong, told] of [
    ['a path', /^place is "a path": an object is needed/],
    [{}, /place\.kind is missing: legal is disk, s3, azureBlob, daemon/],
    [{ kind: 'tape', name: 'x' }, /place\.kind is "tape"/],
    [{ kind: 'disk', name: 'Upper', folder: '/x' }, /place\.name is "Upper": legal is 1 to 32 of \[a-z0-9-\]/],
    [{ kind: 'disk', name: 'x', folder: 'relative' }, /place\.folder .*absolute path/],
    [{ kind: 'disk', name: 'x', folder: '/x', lock: true }, /place\.lock is not known; legal are kind, name, folder/],
    [{ kind: 's3', name: 'x', endpoint: 'http://s3.example.net' }, /endpoint .*https:\/\//],
    [{ kind: 's3', name: 'x', endpoint: 'https://s3.example.net', bucket: 'B' }, /bucket is "B"/],
    [{ kind: 'daemon', name: 'x', socket: '/s', reaper: { sockets: '/r' } }, /place\.reaper\.socket is missing/],
    [{ kind: 'daemon', name: 'x', socket: '/s', lock: 'yes' }, /place\.lock is "yes": legal is true or false/],
  ] as const)
    it(`is refused when it reads ${JSON.stringify(wrong)}`, () => {
      assert.throws(
        () => parsePlace(wrong),
        (error) => isCoded(error, 'InvalidParameter') && told.test(error.message),
      );
    });

  it('does not repeat a secret that was written in by mistake', () => {
    const secret = 'abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz';
    assert.throws(
      () => parsePlace(bucket({ secretAccessKeyFile: secret })),
      (error) => error instanceof Error && !error.message.includes(secret),
    );
  });

  it('says which file of a secret is missing or empty', async () => {
    const told = (name: string) => (error: unknown) =>
      isCoded(error, 'StorePlaceUnsuitable') && error.message.includes(join(folder, name));
    const with_ = (name: string) => specOf(parsePlace(bucket({ secretAccessKeyFile: join(folder, name) })), 'v');
    await assert.rejects(with_('absent'), told('absent'));
    await assert.rejects(with_('empty'), told('empty'));
    await assert.rejects(specOf(parsePlace(bucket()), '../v'), (error) => isCoded(error, 'InvalidParameter'));
  });
});
