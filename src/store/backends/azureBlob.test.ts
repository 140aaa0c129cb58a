import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import type { AzureBlobSpec, LockSpec } from '../backend.ts';
import { openAzureBlobBackend } from './azureBlob.ts';
import { listed } from './backend.contract.ts';

/** What the emulator lacks: answers as the service's reference has them, and the requests that led to them. */
interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

let server: Server;
let endpoint = '';
let answers: Answer[] = [];
let requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[] = [];

before(async () => {
  server = createServer((request, response) => {
    request.resume();
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    const { status, headers = {}, body = '' } = answers.shift() ?? { status: 404 };
    const isXml = body.startsWith('<');
    const type = {
      ...(isXml && { 'content-type': 'application/xml' }),
      'content-length': Buffer.byteLength(body),
      etag: '"1"',
    };
    response.writeHead(status, { ...type, ...headers }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  endpoint = `http://127.0.0.1:${address.port}/account`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
});

const clock = new TurnedClock('2026-01-05T08:00:00Z');
const open = (mode: LockSpec['mode']) => {
  const credentials = { accountName: 'account', accountKey: Buffer.from('key').toString('base64') };
  const place = { endpoint, container: 'vaults', prefix: 'a/', credentials } as const;
  const spec: AzureBlobSpec = { ...place, kind: 'azureBlob', lock: { mode, landingDays: 7 } };
  return openAzureBlobBackend(spec, clock);
};

const [V1, V2, V3] = ['2026-01-05T08:00:01.0000000Z', '2026-01-05T08:00:02.0000000Z', '2026-01-05T08:00:03.0000000Z'];
const versions = (...blobs: readonly (readonly [name: string, versionId: string, size: number])[]): Answer => ({
  status: 200,
  body: `<?xml version="1.0"?><EnumerationResults><Blobs>${blobs
    .map(
      ([name, versionId, size]) =>
        `<Blob><Name>a/${name}</Name><VersionId>${versionId}</VersionId><Properties><Content-Length>${size}</Content-Length></Properties></Blob>`,
    )
    .join('')}</Blobs><NextMarker /></EnumerationResults>`,
});
const policy = (mode: string, until: string): Answer => ({
  status: 200,
  headers: { 'x-ms-immutability-policy-until-date': until, 'x-ms-immutability-policy-mode': mode },
});
const immutable: Answer = { status: 409, headers: { 'x-ms-error-code': 'BlobImmutableDueToPolicy' } };
const lines = (): string[] => requests.map(({ line }) => decodeURIComponent(line));

describe('Azure Blob with version-level immutability', () => {
  it('locks at the put, in the mode that the vault asks for', async () => {
    for (const [mode, said] of [
      ['governance', 'unlocked'],
      ['compliance', 'locked'],
    ] as const) {
      requests = [];
      answers = [versions(), { status: 201, headers: { 'x-ms-version-id': V1! } }, versions(['fmt', V1!, 1])];
      assert.equal(await open(mode).put('fmt', new Uint8Array(1)), 'created');
      const { headers } = requests[1]!;
      assert.equal(String(headers['x-ms-immutability-policy-mode']).toLowerCase(), said);
      assert.equal(headers['x-ms-immutability-policy-until-date'], 'Mon, 12 Jan 2026 08:00:00 GMT');
      assert.equal(headers['if-none-match'], '*');
      assert.equal(headers['content-md5'], 'k7iFrf4NoInN9jSQT9WfcQ==');
      assert.equal(requests.length, 3);
    }
  });

  it('reads and lists what was put first', async () => {
    const all = versions(['p/1', V2!, 20], ['p/1', V3!, 30], ['p/2', V1!, 5], ['p/2', V2!, 6]);
    answers = [all, versions(['p/1', V2!, 20], ['p/1', V3!, 30]), { status: 200, body: '0123456789'.repeat(2) }];
    const backend = open('governance');
    assert.deepEqual(await listed(backend, 'p/'), [
      { name: 'p/1', sizeBytes: 20 },
      { name: 'p/2', sizeBytes: 5 },
    ]);
    assert.equal((await backend.get('p/1')).length, 20);
    assert.match(lines()[0]!, /prefix=a\/p\/.*include=versions|include=versions.*prefix=a\/p\//);
    assert.match(lines()[2]!, new RegExp(`^GET /account/vaults/a/p/1\\?.*versionid=${V2}`, 'i'));
  });

  it('says until when a version is locked', async () => {
    const until = 'Mon, 12 Jan 2026 08:00:00 GMT';
    answers = [versions(['fmt', V1!, 1]), policy('unlocked', until)];
    const backend = open('governance');
    await assert.rejects(
      backend.delete('fmt'),
      (error) => isCoded(error, 'StoreObjectLocked') && /until 2026-01-12T08:00:00/.test(error.message),
    );
    const over = 'Mon, 05 Jan 2026 07:00:00 GMT';
    answers = [versions(['fmt', V1!, 1]), policy('unlocked', over), immutable, policy('unlocked', over)];
    await assert.rejects(backend.delete('fmt'), (error) => isCoded(error, 'StoreObjectLocked'));
    assert.equal(answers.length, 0);
  });

  it('deletes the current version as the blob, then as a version', async () => {
    const over = 'Mon, 05 Jan 2026 07:00:00 GMT';
    const root: Answer = { status: 403, headers: { 'x-ms-error-code': 'OperationNotAllowedOnRootBlob' } };
    const done: Answer = { status: 202 };
    answers = [versions(['fmt', V1!, 1], ['fmt', V2!, 1]), policy('unlocked', over), root, done, done, done];
    await open('governance').delete('fmt');
    const deletes = lines().filter((line) => line.startsWith('DELETE'));
    assert.deepEqual(
      deletes.map((line) => /versionid=([^&]+)/.exec(line)?.[1] ?? 'the blob'),
      [V2, 'the blob', V2, V1],
    );
  });

  it('extends a lock, and raises it', async () => {
    answers = [
      versions(['fmt', V1!, 1]),
      policy('unlocked', 'Mon, 12 Jan 2026 08:00:00 GMT'),
      policy('locked', 'Sat, 14 Feb 2026 08:00:00 GMT'),
    ];
    await open('compliance').lock?.extend('fmt', Date.parse('2026-02-14T08:00:00Z'));
    const { line, headers } = requests[2]!;
    assert.match(line, /^PUT \/account\/vaults\/a\/fmt\?.*comp=immutabilityPolicies/i);
    assert.equal(String(headers['x-ms-immutability-policy-mode']).toLowerCase(), 'locked');
    assert.equal(headers['x-ms-immutability-policy-until-date'], 'Sat, 14 Feb 2026 08:00:00 GMT');
  });
});
