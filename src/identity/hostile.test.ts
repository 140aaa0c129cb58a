import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { GROUP_PATH, type House, openHouse, SUBSCRIPTION } from './testing/house.ts';

let house: House;
let bearer: string;
before(async () => {
  house = await openHouse();
  bearer = `Authorization: Bearer ${await house.token()}`;
});
after(() => house[Symbol.asyncDispose]());

const V = 'api-version=2021-04-01';
const OK = `${GROUP_PATH}?${V}`;

/** Sends bytes as they are, and reads until the server has answered and closed. */
const raw = (bytes: string | Uint8Array): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: house.port, servername: 'localhost', ca: house.tls.caPem });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part) => (text += part));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(text) : reject(error),
    );
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });

const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', bearer, ...headers, '', ''].join('\r\n');

const put = (body: string | Uint8Array, type = 'application/json', ...headers: string[]): Uint8Array => {
  const bytes = Buffer.from(body);
  const head = [
    `PUT ${OK} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    bearer,
    `Content-Type: ${type}`,
    `Content-Length: ${bytes.length}`,
    ...headers,
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n')), bytes]);
};

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

const at = (name: string): string => `/subscriptions/${SUBSCRIPTION}/resourceGroups/${name}?${V}`;
const nested = (depth: number): string =>
  '{"location":"x","tags":'.padEnd(23) + '['.repeat(depth) + ']'.repeat(depth) + '}';
const keysOf = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

/** Refused with one of these statuses; 0 is a connection closed without an answer. */
const requests: Record<string, [request: () => string | Uint8Array, ...legal: number[]]> = {
  // the path
  'dot dot': [() => get('/subscriptions/../healthz'), 400],
  'encoded dot dot': [() => get(`/subscriptions/%2e%2e/${SUBSCRIPTION}`), 400],
  'encoded slash': [() => get(at('a%2fb')), 400],
  'encoded dot dot slash': [() => get(at('%2e%2e%2fb')), 400],
  'double encoding': [() => get(at('%252e%252e')), 400],
  'doubly encoded slash': [() => get(at('a%252fb')), 400],
  'half an escape': [() => get(at('a%2')), 400],
  'no escape': [() => get(at('a%zz')), 400],
  'encoded NUL': [() => get(at('a%00')), 400],
  'encoded newline': [() => get(at('a%0d%0ax')), 400],
  'encoded escape character': [() => get(at('a%1b[31m')), 400],
  backslash: [() => get(at('a\\b')), 400],
  'encoded backslash': [() => get(at('a%5cb')), 400],
  'invalid UTF-8': [() => get(at('a%ff')), 400],
  'overlong UTF-8 slash': [() => get(at('a%c0%af')), 400],
  'Turkish dotted I': [() => get(at('%c4%b0')), 400],
  'Kelvin sign': [() => get(at('%e2%84%aa')), 400],
  'combining accent': [() => get(at('e%cc%81')), 400],
  emoji: [() => get(at('%f0%9f%92%a3')), 400],
  'right-to-left override': [() => get(at('a%e2%80%ae')), 400],
  'trailing dot': [() => get(at('a.')), 400],
  'trailing blank': [() => get(at('a%20')), 400],
  'angle brackets': [() => get(at('%3cimg%3e')), 400],
  'quotation mark': [() => get(at('a%22')), 400],
  command: [() => get(at('a%7cid')), 400],
  dollar: [() => get(at('$%7bx%7d')), 400],
  '91 characters': [() => get(at('a'.repeat(91))), 400],
  '600 characters': [() => get(at('a'.repeat(600))), 400],
  'subscription that is no UUID': [() => get(`/subscriptions/1/resourceGroups/a?${V}`), 400],
  'subscription as SQL': [() => get(`/subscriptions/1'or'1'='1/resourceGroups/a?${V}`), 400],
  '__proto__ subscription': [() => get(`/subscriptions/__proto__/resourceGroups/a?${V}`), 400],
  'fragment in the path': [() => get(`${GROUP_PATH}#/../x?${V}`), 400],
  'absolute form': [() => get(`https://evil.example${OK}`), 400],
  'authority form': [() => get('evil.example:443'), 400],
  'asterisk form': [() => get('*'), 400],
  'a blank in the path': [() => get('/subscriptions/a b'), 400],
  // the query
  'api-version twice': [() => get(`${OK}&${V}`), 400],
  'api-version in another case twice': [() => get(`${OK}&Api-Version=2021-04-01`), 400],
  'no api-version': [() => get(GROUP_PATH), 400],
  'filter where none is': [() => get(`${OK}&$filter=${encodeURIComponent("' or 1 eq 1")}`), 400],
  'top below one': [() => get(`${OK}&$top=-1`), 400],
  'huge top': [() => get(`${OK}&$top=1000000000`), 400],
  'forged skip token': [() => get(`${OK}&$skipToken=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`), 400],
  'broken query escape': [() => get(`${OK}&x=%ff`), 400],
  'newline in a query value': [() => get(`${OK}&x=%0d%0aSet-Cookie:a=b`), 400],
  '100 parameters': [() => get(`${OK}${Array.from({ length: 100 }, (_, i) => `&p${i}=1`).join('')}`), 400],
  // headers and framing
  'two Authorization headers': [() => get(OK, 'Authorization: Bearer x.y.z'), 400],
  'two Host headers': [() => get(OK, 'Host: evil.example'), 400],
  'no Host': [() => `GET ${OK} HTTP/1.1\r\n${bearer}\r\nConnection: close\r\n\r\n`, 400],
  'header over 16 KiB': [() => get(OK, `X-Long: ${'a'.repeat(17_000)}`), 431],
  'path over 16 KiB': [() => get(`/${'a'.repeat(17_000)}`), 400, 431],
  'Content-Length and Transfer-Encoding': [
    () =>
      `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked('{"location":"x"}')}GET ${OK} HTTP/1.1\r\n\r\n`,
    400,
  ],
  'two Content-Lengths': [() => put('{"location":"x"}', 'application/json', 'Content-Length: 2'), 400],
  'negative Content-Length': [
    () => `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\nContent-Length: -1\r\n\r\n`,
    400,
  ],
  'Transfer-Encoding of many readings': [
    () => `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    400,
  ],
  'Transfer-Encoding with a tab': [
    () => `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\nTransfer-Encoding:\tx\r\n\r\n`,
    400,
  ],
  'bad chunk size': [
    () =>
      `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\n${bearer}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    400,
  ],
  'blank before the colon': [() => get(OK, 'X-A : b'), 400],
  'folded header': [() => get(OK, 'X-A: b\r\n folded'), 400],
  'bare line feeds': [() => `GET ${OK} HTTP/1.1\nHost: localhost\n${bearer}\n\n`, 400],
  'NUL in a header': [() => get(OK, 'X-A: a\0b'), 400],
  'no HTTP': [() => 'hello\r\n\r\n', 400],
  'HTTP/2 preface': [() => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'unknown method': [() => `HACK ${OK} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 400],
  TRACE: [() => `TRACE ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 404, 405],
  CONNECT: [() => 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n', 0, 400, 404],
  'method override': [
    () =>
      `POST ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${bearer}\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n\r\n`,
    405,
  ],
  'token in the query': [
    () => `GET ${OK}&access_token=${bearer.slice(22)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    401,
  ],
  'token in a cookie': [
    () => `GET ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: token=${bearer.slice(22)}\r\n\r\n`,
    401,
  ],
  'client certificate by header': [
    () =>
      `GET ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Client-Cert: x\r\nX-Forwarded-For: 127.0.0.1\r\nX-MS-Client-Principal: owner\r\n\r\n`,
    401,
  ],
  // the body
  'no JSON': [() => put('location=x'), 400],
  'trailing garbage': [() => put('{"location":"x"} x'), 400],
  'two documents': [() => put('{"location":"x"}{"location":"y"}'), 400],
  'empty body': [() => put(''), 400],
  'blank body': [() => put('   '), 400],
  null: [() => put('null'), 400],
  'single quotes': [() => put("{'location':'x'}"), 400],
  comment: [() => put('{"location":"x"/**/}'), 400],
  NaN: [() => put('{"location":NaN}'), 400],
  'number out of range': [() => put('{"location":"x","more":1e400}'), 400],
  'byte order mark': [() => put('\uFEFF{"location":"x"}'), 400],
  'UTF-16': [() => put(Buffer.from('{"location":"x"}', 'utf16le')), 400],
  'invalid UTF-8 body': [() => put(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400],
  'charset UTF-16': [() => put('{"location":"x"}', 'application/json; charset=utf-16'), 415],
  form: [() => put('location=x', 'application/x-www-form-urlencoded'), 415],
  'plain text': [() => put('{"location":"x"}', 'text/plain'), 415],
  multipart: [() => put('--x--', 'multipart/form-data; boundary=x'), 415],
  'no content type': [() => put('{"location":"x"}', ''), 415],
  gzip: [() => put(gzipSync('{"location":"x"}'), 'application/json', 'Content-Encoding: gzip'), 415],
  'over 1 MiB': [() => put(`{"location":"${'x'.repeat(1_048_576)}"}`), 413, 0],
  'over 1 MiB in chunks': [
    () =>
      `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${bearer}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(`"${'x'.repeat(1_100_000)}"`)}`,
    413,
    0,
  ],
  'claims to be huge': [
    () =>
      `PUT ${OK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${bearer}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
    413,
    0,
  ],
  '33 levels': [() => put(nested(32)), 400],
  '100 000 levels': [() => put(nested(100_000)), 400],
  '10 001 fields': [() => put(keysOf(10_001)), 400],
  'duplicate key': [() => put('{"location":"x","location":"y"}'), 400],
  'duplicate key by escape': [() => put('{"location":"x","\\u006cocation":"y"}'), 400],
  'a __proto__ key': [() => put('{"location":"x","__proto__":{"admin":true}}'), 400],
  'a __proto__ key by escape': [() => put('{"location":"x","\\u005f_proto__":{"admin":true}}'), 400],
  'a constructor key': [() => put('{"location":"x","tags":{"constructor":{"prototype":{"admin":true}}}}'), 400],
  'array for an object': [() => put('[{"location":"x"}]'), 400],
  'object for a text': [() => put('{"location":{"$gt":""}}'), 400],
  'number for a text': [() => put('{"location":5}'), 400],
};

for (const [kind, [request, ...legal]] of Object.entries(requests)) {
  test(`refused: ${kind}`, async () => {
    const before = house.entered();
    const answer = await raw(request());
    assert.ok(legal.includes(statusOf(answer)), `${kind}: ${answer.slice(0, 300)}`);
    assert.equal(house.entered(), before, 'no handler ran');
    assert.doesNotMatch(answer, /\bat .*\.(ts|js):\d|node_modules/, 'no stack is told');
    if (statusOf(answer) >= 400 && answer.includes('\r\n\r\n{')) assert.match(answer, /\{"error":\{"code":"[A-Za-z]+"/);
  });
}

test('spoofed forwarding headers and Host change nothing', async () => {
  const answer = await raw(
    get(OK, 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: http', 'X-Original-URL: /admin'),
  );
  assert.equal(statusOf(answer), 200);
  assert.doesNotMatch(answer, /evil/);
});

test('after all of this the server still serves, and prototypes are clean', async () => {
  assert.equal(statusOf(await raw(get(OK))), 200);
  assert.equal(statusOf(await raw(put('{"location":"x","tags":{"a":"b"}}'))), 200);
  assert.equal(statusOf(await raw(put('{"location":"x"}', 'application/json; charset=utf-8'))), 200);
  assert.equal(({} as { admin?: boolean }).admin, undefined);
  assert.ok(Object.keys(requests).length >= 60);
});
