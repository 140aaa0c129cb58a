import { createHmac } from 'node:crypto';
import type { Ask, Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

const ACCOUNT = 'staging1';

/** The blob endpoint: paths that leave the account, signatures that are for something else. */
export function blobTricks(server: HostileServer): readonly Hostile[] {
  const host = `${ACCOUNT}.blob.localhost:${server.port}`;
  const key = server.accountKey;
  const ask = (what: string, method: string, target: string, more: Readonly<Record<string, string>> = {}): Hostile => ({
    what: `blobs: ${what}`,
    ask: {
      method,
      target,
      headers: { host, 'x-ms-version': '2023-11-03', ...more },
      as: 'nobody',
      ...(method === 'PUT' ? { body: 'x' } : {}),
    },
  });
  const blob = { 'x-ms-blob-type': 'BlockBlob' };
  const paths = [
    '/../../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/box/../../x',
    '/box/%2e%2e/%2e%2e/x',
    '/box/a%00b',
    '/box%00',
    '/C',
    '/a',
    '/box/%zz',
    '//',
    `/box/${'x'.repeat(2000)}`,
    '/$root/..',
    '/box/\\..\\x',
    '/__proto__/constructor',
  ];
  return [
    ...paths.flatMap((path) => [
      ask(`no key for ${path.slice(0, 40)}`, 'GET', path),
      ask(`writes ${path.slice(0, 40)}`, 'PUT', path, blob),
      ...signed(server, host, path),
    ]),
    ...[
      'SharedKey staging1:',
      'SharedKey staging1:AAAA',
      'SharedKey other:AAAA',
      'SharedKeyLite staging1:AAAA',
      `SharedKey ${ACCOUNT}:${'A'.repeat(43)}=`,
      'Bearer x',
      'Bearer',
      'Basic a:b',
      'SharedKey',
    ].map((authorization) =>
      ask(`as ${authorization.slice(0, 40)}`, 'GET', '/box/b', {
        authorization,
        'x-ms-date': new Date(server.clock.now()).toUTCString(),
      }),
    ),
    ...[
      'evil..blob.localhost',
      'x.blob.localhost',
      '..blob.localhost',
      '.blob.localhost',
      'staging1.staging1.blob.localhost',
      '%2e%2e.blob.localhost',
      'STAGING-1.blob.localhost',
    ].map((other) => ({
      ...ask(`the host ${other}`, 'GET', '/box/b'),
      ask: { method: 'GET', target: '/box/b', headers: { host: other }, as: 'nobody' as const },
    })),
    ...[
      '/blob/',
      '/blob/staging1',
      '/blob/../x',
      '/blob/__proto__/box/b',
      '/blob/staging1/box/../../x',
      '/blob//box/b',
      '/blob/%2e%2e/box',
    ].map((path) => ({
      what: `blobs: the path ${path}`,
      ask: { method: 'GET', target: path, as: 'nobody' as const },
    })),
    ...signatures(key).map(([what, method, query]) =>
      ask(`a signature ${what}`, method, `/box/b${query}`, method === 'PUT' ? blob : {}),
    ),
  ];
}

/** Rightly signed, so that the path alone is what is wrong. */
function signed(server: HostileServer, host: string, path: string): readonly Hostile[] {
  const date = new Date(server.clock.now()).toUTCString();
  const text = [
    'GET',
    ...Array<string>(11).fill(''),
    `x-ms-date:${date}`,
    'x-ms-version:2023-11-03',
    `/${ACCOUNT}${path}`,
  ].join('\n');
  const signature = createHmac('sha256', Buffer.from(server.accountKey, 'base64')).update(text).digest('base64');
  const headers = {
    host,
    'x-ms-date': date,
    'x-ms-version': '2023-11-03',
    authorization: `SharedKey ${ACCOUNT}:${signature}`,
  };
  return [
    { what: `blobs: with the key, ${path.slice(0, 40)}`, ask: { method: 'GET', target: path, headers, as: 'nobody' } },
  ];
}

/** What the same ways are for: a signature and a key that are right. */
export function rightlySigned(server: HostileServer): readonly Ask[] {
  const host = `${ACCOUNT}.blob.localhost:${server.port}`;
  const [withKey] = signed(server, host, '/box/b');
  const query = sign(server.accountKey, {});
  return [withKey!.ask, { method: 'GET', target: `/box/b${query}`, headers: { host }, as: 'nobody' }];
}

/** Service signatures: for another blob, permission, account, time or nothing at all. */
function signatures(key: string): (readonly [what: string, method: string, query: string])[] {
  const of = (more: Readonly<Record<string, string>>, account = ACCOUNT, path = '/box/b', with_ = key) =>
    sign(with_, more, account, path);
  return [
    ['to read, for a write', 'PUT', of({})],
    ['to read, for a deletion', 'DELETE', of({})],
    ['to list, for a read', 'GET', of({ sp: 'l' })],
    ['of another blob', 'GET', of({}, ACCOUNT, '/box/other')],
    ['of another container', 'GET', of({ sr: 'c' }, ACCOUNT, '/other')],
    ['of another account', 'GET', of({}, 'other1')],
    ['with another key', 'GET', of({}, ACCOUNT, '/box/b', Buffer.alloc(64).toString('base64'))],
    ['that is over', 'GET', of({ se: '2001-01-01T00:00:00Z' })],
    ['that never begins', 'GET', of({ st: '2098-01-01T00:00:00Z' })],
    ['without an end', 'GET', of({ se: '' })],
    ['whose end is no time', 'GET', of({ se: 'tomorrow' })],
    ['of an old version', 'GET', of({ sv: '2011-01-01' })],
    ['for another address', 'GET', of({ sip: '203.0.113.9' })],
    ['with a permission more', 'GET', of({ sp: 'l' }).replace('sp=l', 'sp=rl')],
    ['with a field twice', 'GET', `${of({})}&sp=rw`],
    ['that is empty', 'GET', '?sv=2020-12-06&sr=b&sp=r&se=2099-01-01T00:00:00Z&sig='],
    ['that is no Base64', 'GET', '?sv=2020-12-06&sr=b&sp=r&se=2099-01-01T00:00:00Z&sig=%00%ff'],
    ['by a user delegation', 'GET', `${of({})}&skoid=x`],
    ['of an account, unsigned', 'GET', '?sv=2020-12-06&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig=AAAA'],
  ];
}

function sign(key: string, more: Readonly<Record<string, string>>, account = ACCOUNT, path = '/box/b'): string {
  const fields: Record<string, string> = { sp: 'r', se: '2099-01-01T00:00:00Z', sv: '2020-12-06', sr: 'b', ...more };
  const of = (name: string) => fields[name] ?? '';
  const text = [
    ...[of('sp'), of('st'), of('se'), `/blob/${account}${path}`, '', of('sip'), of('spr'), of('sv')],
    ...[of('sr'), '', '', '', '', '', '', ''],
  ].join('\n');
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  return `?${new URLSearchParams({ ...fields, sig }).toString()}`;
}
