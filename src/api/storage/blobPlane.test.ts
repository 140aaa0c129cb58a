import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createArmServer } from '../../arm/server.ts';
import { BlobStore } from '../../blob/blobStore.ts';
import { blobPlane, blobUrl, certificateNames } from '../../blobPlane.ts';
import { readConfig } from '../../config.ts';
import { openDevCa } from '../../identity/devCa.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { testServer } from '../testing/testServer.ts';

test('one listener serves ARM, and the accounts by host name and by path, under one certificate', async () => {
  await using control = await testServer();
  const account =
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/Shop/providers/Microsoft.Storage/storageAccounts/staging01';
  assert.equal((await control.call('PUT', account, { location: 'westeurope' }, '2022-09-01')).status, 200);
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-plane-'));
  const config = readConfig({ STRONGROOM_DATA: folder });
  const store = await BlobStore.open({ folder: join(folder, 'storage'), clock: systemClock });
  const { tls, caPem } = await openDevCa({ folder, clock: systemClock, extraNames: certificateNames(config) });
  const asked: string[] = [];
  const authenticate = async () => ({ objectId: 'o', tenantId: 't', appId: 'a', name: 'n' });
  const authorize = async (_who: unknown, action: string, scope: string) => {
    asked.push(`${action} ${scope}`);
    return action.endsWith('read');
  };
  const server = await createArmServer({
    ...{ tls, baseUrl: config.baseUrl, providers: [], authenticate, authorize, authorizationUri: config.baseUrl },
    ...{ log: silentLogger, clock: systemClock },
    besides: blobPlane({ config, store, services: control.services, authenticate, authorize }),
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const get = (host: string, path: string) =>
    new Promise<{ status: number | undefined; type: string | undefined }>((resolve, reject) => {
      const options = { host, port, path, ca: caPem, agent: false, headers: { authorization: 'Bearer good' } };
      // the names are not in every machine's resolver
      const lookup = (_name: string, _options: unknown, done: (error: null, address: unknown) => void) =>
        done(null, [{ address: '127.0.0.1', family: 4 }]);
      request({ ...options, lookup: lookup as never }, (response) => {
        response.resume();
        resolve({ status: response.statusCode, type: response.headers['content-type'] });
      })
        .on('error', reject)
        .end();
    });
  try {
    const xml = { status: 200, type: 'application/xml' };
    assert.deepEqual(await get('staging01.blob.localhost', '/?comp=list'), xml);
    assert.deepEqual(await get('localhost', '/blob/staging01/?comp=list'), xml);
    const action = 'Microsoft.Storage/storageAccounts/blobServices/containers/read';
    assert.deepEqual(asked, [`${action} ${account}/blobServices/default`, `${action} ${account}/blobServices/default`]);
    assert.equal((await get('nobody.blob.localhost', '/?comp=list')).status, 404);
    assert.equal((await get('localhost', '/healthz')).status, 200);
    assert.match((await get('localhost', '/subscriptions/x')).type ?? '', /json/);
  } finally {
    await server.close();
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }
});

test('where an account is follows from the configuration', () => {
  const url = (env: Record<string, string>) => blobUrl(readConfig(env), 'staging01');
  assert.equal(url({}), 'https://staging01.blob.localhost:8443/');
  assert.equal(url({ STRONGROOM_BLOB_ENDPOINT: 'path' }), 'https://localhost:8443/blob/staging01/');
  assert.equal(url({ STRONGROOM_HOST: 'vault.example' }), 'https://staging01.blob.vault.example:8443/');
  assert.equal(url({ STRONGROOM_HOST: '10.0.0.5' }), 'https://10.0.0.5:8443/blob/staging01/');
  assert.deepEqual(certificateNames(readConfig({ STRONGROOM_HOST: 'vault.example' })), [
    'vault.example',
    '*.blob.vault.example',
  ]);
});
