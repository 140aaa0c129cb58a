import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig, requireRuntime } from './config.ts';

test('the environment is read with its defaults', () => {
  const config = readConfig({});
  assert.equal(config.dataFolder, join(process.cwd(), 'data'));
  assert.equal(config.baseUrl, 'https://localhost:8443');
  assert.equal(config.address, '127.0.0.1');
  assert.equal(
    readConfig({ STRONGROOM_PORT: '9000', STRONGROOM_HOST: 'vault.example' }).baseUrl,
    'https://vault.example:9000',
  );
  assert.deepEqual(readConfig({ STRONGROOM_DISK_ROOTS: '/srv/a:/srv/b' }).diskRoots, ['/srv/a', '/srv/b']);
});

for (const [name, value, legal] of [
  ['STRONGROOM_PORT', '0', /1 to 65535/],
  ['STRONGROOM_PORT', 'https', /1 to 65535/],
  ['STRONGROOM_PORT', '70000', /1 to 65535/],
  ['STRONGROOM_HOST', 'https://vault', /host name or an IPv4 address/],
  ['STRONGROOM_DISK_ROOTS', '/srv/disks:images', /'images': absolute folders/],
  ['STRONGROOM_BLOB_ENDPOINT', 'both', /'host' or 'path'/],
  ['STRONGROOM_WORKERS', '65', /0 to 64/],
  ['STRONGROOM_LOG', 'loud', /trace, debug, info, warn, error, silent/],
] as const)
  test(`${name}=${value} is refused, naming what is legal`, () => {
    assert.throws(
      () => readConfig({ [name]: value }),
      (error: Error) => error.message.includes(name) && legal.test(error.message),
    );
  });

test('a runtime that is too old is refused, with what to do', () => {
  requireRuntime({ node: '26.0.0', sqlite: '3.51.3' });
  assert.throws(() => requireRuntime({ node: '25.9.0', sqlite: '3.53.4' }), /26 or newer.*npm start/);
  assert.throws(() => requireRuntime({ node: '26.1.0', sqlite: '3.51.2' }), /3\.51\.3 or newer/);
});
