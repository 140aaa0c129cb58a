import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  AccountSASPermissions,
  BlobSASPermissions,
  BlobServiceClient,
  BlockBlobClient,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { systemClock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { silentLogger } from '../lib/log.ts';
import { blobEndpoint } from './blobEndpoint.ts';
import { BlobStore } from './blobStore.ts';

const ACCOUNT = 'staging01';
const KEY = randomBytes(64).toString('base64');
const ACTIONS = 'Microsoft.Storage/storageAccounts/blobServices/containers';

interface Rig extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly store: BlobStore;
  readonly credential: StorageSharedKeyCredential;
  readonly service: BlobServiceClient;
  readonly asked: string[];
}

async function rig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-blob-'));
  const store = await BlobStore.open({ folder, clock: systemClock });
  const asked: string[] = [];
  const take = blobEndpoint({
    store,
    host: 'localhost',
    clock: systemClock,
    log: silentLogger,
    accounts: {
      find: async (name) =>
        name === ACCOUNT || name === 'other02'
          ? { id: `/accounts/${name}`, keys: [name === ACCOUNT ? KEY : randomBytes(64).toString('base64')] }
          : undefined,
      bearerMay: async (authorization, action, scope) => {
        if (authorization !== 'Bearer good') throw new CodedError('InvalidAuthenticationToken', 'no');
        asked.push(`${action} ${scope}`);
        return action.endsWith('/read');
      },
    },
  });
  const server = createServer((request, response) => {
    if (!take(request, response)) response.writeHead(421).end('elsewhere');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/blob/${ACCOUNT}`;
  const credential = new StorageSharedKeyCredential(ACCOUNT, KEY);
  return {
    url,
    port,
    store,
    credential,
    asked,
    service: new BlobServiceClient(url, credential, { retryOptions: { maxTries: 1 } }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

const readAll = async (stream: NodeJS.ReadableStream | undefined): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for await (const piece of stream!) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
};

test('the official client makes containers, uploads in blocks, reads ranges and lists', async () => {
  await using r = await rig();
  const container = r.service.getContainerClient('vhds');
  assert.equal((await container.createIfNotExists()).succeeded, true);
  assert.equal((await container.createIfNotExists()).succeeded, false);
  assert.equal(await container.exists(), true);

  const bytes = randomBytes(3_000_001);
  const blob = container.getBlockBlobClient('folder/a b+ü%2F..&<é>.bin');
  await blob.uploadData(bytes, {
    blockSize: 1_000_000,
    maxSingleShotSize: 100_000,
    blobHTTPHeaders: { blobContentType: 'text/plain' },
    metadata: { madeby: 'test' },
  });
  const whole = await blob.download();
  assert.ok((await readAll(whole.readableStreamBody)).equals(bytes));
  assert.deepEqual([whole.contentType, whole.metadata?.madeby, whole.blobType], ['text/plain', 'test', 'BlockBlob']);
  const part = await blob.download(999_990, 20);
  assert.ok((await readAll(part.readableStreamBody)).equals(bytes.subarray(999_990, 1_000_010)));
  assert.equal((await blob.getBlockList('all')).committedBlocks?.length, 4);

  const small = container.getBlockBlobClient('folder/sub/small');
  await small.upload('hello', 5);
  assert.equal(
    (await small.getProperties()).contentMD5?.toString(),
    createHash('md5').update('hello').digest().toString(),
  );
  await container.getBlockBlobClient('top').upload('', 0);
  const flat: string[] = [];
  for await (const { name } of container.listBlobsFlat()) flat.push(name);
  assert.deepEqual(flat, ['folder/a b+ü%2F..&<é>.bin', 'folder/sub/small', 'top']);
  const folded: string[] = [];
  for await (const page of container.listBlobsByHierarchy('/', { prefix: 'folder/' }).byPage({ maxPageSize: 1 })) {
    for (const prefix of page.segment.blobPrefixes ?? []) folded.push(`${prefix.name} …`);
    for (const item of page.segment.blobItems) folded.push(item.name);
  }
  assert.deepEqual(folded, ['folder/a b+ü%2F..&<é>.bin', 'folder/sub/ …']);

  await small.delete();
  assert.equal(await small.exists(), false);
  const containers: string[] = [];
  for await (const { name } of r.service.listContainers({ prefix: 'v' })) containers.push(name);
  assert.deepEqual(containers, ['vhds']);
  await container.delete();
  assert.equal(await container.exists(), false);
});

test('a page blob is written in pages, and conditions hold', async () => {
  await using r = await rig();
  const container = r.service.getContainerClient('vhds');
  await container.create();
  const disk = container.getPageBlobClient('disk.vhd');
  await disk.create(1_048_576);
  const page = randomBytes(1024);
  await disk.uploadPages(page, 512, 1024);
  const expected = Buffer.alloc(1_048_576);
  page.copy(expected, 512);
  assert.ok((await readAll((await disk.download()).readableStreamBody)).equals(expected));
  await disk.clearPages(512, 512);
  expected.fill(0, 512, 1024);
  assert.ok((await disk.downloadToBuffer()).equals(expected));
  await assert.rejects(disk.uploadPages(page, 100, 1024), { code: 'InvalidPageRange' });
  await assert.rejects(disk.uploadPages(page, 1_048_576 - 512, 1024), { code: 'InvalidPageRange' });
  await disk.resize(2_097_152);
  assert.equal((await disk.getProperties()).contentLength, 2_097_152);

  const { etag } = await disk.getProperties();
  await disk.setMetadata({ step: 'two' }, { conditions: { ifMatch: etag! } });
  await assert.rejects(disk.setMetadata({ step: 'three' }, { conditions: { ifMatch: etag! } }), { statusCode: 412 });
  const unchanged = (await disk.getProperties()).etag!;
  await assert.rejects(disk.download(0, undefined, { conditions: { ifNoneMatch: unchanged } }), { statusCode: 304 });
  await assert.rejects(container.getBlockBlobClient('disk.vhd').upload('x', 1, { conditions: { ifNoneMatch: '*' } }), {
    code: 'BlobAlreadyExists',
  });
});

test('signed URLs let in whom they say, and nobody else', async () => {
  await using r = await rig();
  const container = r.service.getContainerClient('vhds');
  await container.create();
  await container.getBlockBlobClient('a/b.json').upload('{}', 2);
  const expiresOn = new Date(systemClock.now() + 3_600_000);
  const url = (sas: string, name = 'a/b.json') => `${r.url}/vhds/${name}?${sas}`;
  const once = { retryOptions: { maxTries: 1 } };
  const sasOf = (letters: string, more: object = {}) =>
    generateBlobSASQueryParameters(
      {
        containerName: 'vhds',
        blobName: 'a/b.json',
        permissions: BlobSASPermissions.parse(letters),
        expiresOn,
        ...more,
      },
      r.credential,
    ).toString();
  const read = sasOf('r', { contentDisposition: 'attachment' });
  const answer = await fetch(url(read));
  assert.deepEqual([await answer.text(), answer.headers.get('content-disposition')], ['{}', 'attachment']);
  const refused = async (sas: string, status: number, code: string, name?: string, method = 'GET') => {
    const response = await fetch(url(sas, name), {
      method,
      ...(method === 'PUT' && { body: 'x', headers: { 'x-ms-blob-type': 'BlockBlob' } }),
    });
    assert.deepEqual([response.status, response.headers.get('x-ms-error-code')], [status, code], `${sas} ${name}`);
  };
  await refused(read, 403, 'AuthenticationFailed', 'a/c.json');
  await refused(read, 403, 'AuthorizationPermissionMismatch', undefined, 'PUT');
  await refused(read.replace('sp=r', 'sp=rw'), 403, 'AuthenticationFailed');
  await refused(`${read}&sp=rw`, 403, 'AuthenticationFailed');
  await refused(sasOf('r', { expiresOn: new Date(systemClock.now() - 1000) }), 403, 'AuthenticationFailed');
  await refused(sasOf('r', { startsOn: new Date(systemClock.now() + 900_000) }), 403, 'AuthenticationFailed');
  await refused(sasOf('r', { ipRange: { start: '10.0.0.1', end: '10.0.0.9' } }), 403, 'AuthorizationSourceIPMismatch');
  assert.equal((await fetch(url(sasOf('r', { ipRange: { start: '127.0.0.1' } })))).status, 200);
  await new BlockBlobClient(url(sasOf('cw')), undefined, once).upload('[]', 2);

  const account = generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse('rl'),
      services: 'b',
      resourceTypes: 'co',
      expiresOn,
      protocol: SASProtocol.HttpsAndHttp,
    },
    r.credential,
  ).toString();
  const listing = await fetch(`${r.url}/vhds?restype=container&comp=list&${account}`);
  assert.match(await listing.text(), /<Name>a\/b\.json<\/Name>/);
  await refused(account, 403, 'AuthorizationPermissionMismatch', undefined, 'DELETE');
  assert.equal((await fetch(`${r.url}/?comp=list&${account}`)).status, 403, 'the service itself was not granted');
});

test('a bearer token may what its roles say', async () => {
  await using r = await rig();
  await r.store.createContainer(ACCOUNT, 'vhds');
  const call = (path: string, method = 'GET', authorization = 'Bearer good') =>
    fetch(`${r.url}${path}`, { method, headers: { authorization } });
  assert.equal((await call('/vhds?restype=container&comp=list')).status, 200);
  assert.equal((await call('/vhds?restype=container', 'DELETE')).status, 403);
  assert.equal((await call('/vhds?restype=container', 'GET', 'Bearer bad')).status, 401);
  assert.equal((await call('/vhds/x', 'GET', '')).status, 401);
  const scope = `/accounts/${ACCOUNT}/blobServices/default/containers/vhds`;
  assert.deepEqual(r.asked, [`${ACTIONS}/blobs/read ${scope}`, `${ACTIONS}/delete ${scope}`]);
});

test('what is signed wrongly, late, by another account or for another path gets nothing', async () => {
  await using r = await rig();
  const wrong = new BlobServiceClient(
    r.url,
    new StorageSharedKeyCredential(ACCOUNT, randomBytes(64).toString('base64')),
    { retryOptions: { maxTries: 1 } },
  );
  await assert.rejects(wrong.getContainerClient('vhds').create(), { code: 'AuthenticationFailed', statusCode: 403 });
  const other = new BlobServiceClient(r.url.replace(ACCOUNT, 'other02'), r.credential, {
    retryOptions: { maxTries: 1 },
  });
  await assert.rejects(other.getContainerClient('vhds').create(), { code: 'AuthenticationFailed' });

  const signed = (date: string, path: string, account = ACCOUNT) => {
    const text = `GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:${date}\nx-ms-version:2021-12-02\n/${account}${path}\ncomp:list`;
    const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(text).digest('base64');
    return { authorization: `SharedKey ${account}:${signature}`, 'x-ms-date': date, 'x-ms-version': '2021-12-02' };
  };
  const now = systemClock.now();
  const at = (ms: number) => new Date(now + ms).toUTCString();
  const path = `/blob/${ACCOUNT}/`;
  const status = async (headers: Record<string, string>) => (await fetch(`${r.url}/?comp=list`, { headers })).status;
  assert.equal(await status(signed(at(0), path)), 200);
  assert.equal(await status(signed(at(-16 * 60_000), path)), 403, 'too old');
  assert.equal(await status(signed(at(16 * 60_000), path)), 403, 'from the future');
  assert.equal(await status(signed('yesterday', path)), 403, 'no date');
  assert.equal(await status(signed(at(0), '/blob/other02/')), 403, 'another path');
  assert.equal(await status(signed(at(0), path, 'other02')), 403, 'another account');
  assert.equal(await status({ ...signed(at(0), path), 'x-ms-extra': '1' }), 403, 'a header that was not signed');
  assert.equal((await fetch(`http://127.0.0.1:${r.port}/blob/nobody99/?comp=list`)).status, 404);
});

test('no path leaves the account, and nothing that comes in badly stays', async () => {
  await using r = await rig();
  const container = r.service.getContainerClient('vhds');
  await container.create();
  for (const name of ['../../../etc/passwd', '..', '.', 'a/../../b', '..\\..\\x', `${'n'.repeat(1024)}`]) {
    const blob = container.getBlockBlobClient(name);
    await r.store.createContainer(ACCOUNT, 'vhds');
    if (/^\.{1,2}$|\/\.\.\//.test(name)) continue; // the client itself folds these
    await blob.upload('x', 1);
    assert.equal((await blob.downloadToBuffer()).toString(), 'x');
  }
  const raw = (head: string, body = '', leaves = false): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(r.port, '127.0.0.1', () => {
        socket.write(`${head}\r\n\r\n${body}`);
        if (leaves) socket.end();
      });
      let text = '';
      socket.on('data', (piece: Buffer) => {
        text += piece.toString('latin1');
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  const sas = generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse('rwcdl'),
      services: 'b',
      resourceTypes: 'sco',
      expiresOn: new Date(systemClock.now() + 60_000),
    },
    r.credential,
  ).toString();
  const get = (path: string, headers = '') =>
    raw(`GET /blob/${ACCOUNT}${path}?${sas} HTTP/1.1\r\nHost: localhost\r\nConnection: close${headers}`);
  assert.match(await get('/vhds/../../blobs.sqlite'), /404 .*x-ms-error-code: BlobNotFound/s);
  assert.match(await get('/../blobs.sqlite'), /400 .*InvalidResourceName/s);
  assert.match(await get('/vhds/%2e%2e%2fblobs.sqlite'), /404 .*BlobNotFound/s);
  assert.match(await get('/VHDS/x'), /400 .*InvalidResourceName/s);
  assert.match(await get('/vhds/%00'), /400 .*InvalidResourceName/s);
  assert.match(await get('/vhds/%zz'), /400 .*InvalidUri/s);
  assert.match(await get('/vhds/x', `\r\nX-Ms-Long: ${'x'.repeat(20_000)}`), /431 /);
  const put = (name: string, headers: string, body: string, leaves = false) =>
    raw(
      `PUT /blob/${ACCOUNT}/vhds/${name}?${sas} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-ms-blob-type: BlockBlob\r\n${headers}`,
      body,
      leaves,
    );
  assert.match(
    await put('md5', 'Content-Length: 1\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==', 'x'),
    /400 .*Md5Mismatch/s,
  );
  assert.match(await put('crc', 'Content-Length: 1\r\nx-ms-content-crc64: AAAAAAAAAAA=', 'x'), /400 .*Crc64Mismatch/s);
  assert.match(await put('huge', 'Content-Length: 99999999999', ''), /413 .*RequestBodyTooLarge/s);
  await put('short', 'Content-Length: 10', 'abc', true);
  assert.match(
    await put('crc', 'Content-Length: 9\r\nx-ms-content-crc64: iJh5CoYUi64=', '123456789'),
    /HTTP\/1\.1 201/,
  );
  for (const name of ['md5', 'huge', 'short'])
    assert.equal(r.store.blob({ account: ACCOUNT, container: 'vhds', name }), undefined);
});
