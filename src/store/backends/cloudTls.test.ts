import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openDevCa, type ServerIdentity } from '../../identity/devCa.ts';
import { systemClock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import type { BackendSpec } from '../backend.ts';
import { openBackend } from '../openBackend.ts';
import { FaultyS3 } from '../testing/faultyS3.ts';

let folder: string;
let identity: ServerIdentity;
let server: FaultyS3;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-tls-'));
  identity = await openDevCa({ folder, clock: systemClock });
  server = await FaultyS3.start(identity.tls);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const specs = (caFile?: string): readonly BackendSpec[] => {
  const shared = { endpoint: server.endpoint, prefix: '', ...(caFile !== undefined && { caFile }) };
  const s3Credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const blobCredentials = { accountName: 'account', accountKey: 'a2V5' };
  return [
    { ...shared, kind: 's3', region: 'here', bucket: 'vaults', credentials: s3Credentials },
    { ...shared, kind: 'azureBlob', container: 'vaults', credentials: blobCredentials },
  ];
};

describe('a storage place with a certificate of its own authority', () => {
  it('is not trusted before the authority is named, and says so at once', async () => {
    for (const spec of specs()) {
      await assert.rejects(
        openBackend(spec).head('fmt'),
        (error) =>
          isCoded(error, 'StoreIoFailed') &&
          /caFile/.test(error.recommendations[0] ?? '') &&
          !/attempts/.test(error.message),
      );
    }
  });

  it('has to have a file where its authority is named', async () => {
    for (const spec of specs(join(folder, 'none.pem'))) {
      const opening = openBackend(spec).head('fmt');
      await assert.rejects(opening, (error) => isCoded(error, 'StorePlaceUnsuitable') && error.target === 'caFile');
    }
  });

  it('is trusted by its authority', async () => {
    for (const spec of specs(identity.caPath)) assert.equal(await openBackend(spec).head('fmt'), undefined);
  });
});
