import { connect } from 'node:tls';
import type { HostileServer } from './hostileServer.ts';

/** What is written on a connection, and what must come of it. */
export interface RawTrick {
  readonly what: string;
  /** Written one after the other, or until the server has had enough. */
  readonly parts: readonly (string | Uint8Array)[];
  /** How many answers there may be at most; none of them 2xx unless `answers` is given. */
  readonly mayAnswer?: number;
  readonly isHarmless?: boolean;
}

const PATIENCE_MS = 2000;

/** Requests that no HTTP client sends, byte for byte. */
export async function rawTricks(server: HostileServer): Promise<readonly RawTrick[]> {
  const bearer = `authorization: Bearer ${await server.token('owner')}\r\n`;
  const target = `${server.vault}?api-version=2024-04-01`;
  const host = `host: localhost:${server.port}\r\n`;
  const type = 'content-type: application/json\r\n';
  const hidden = `DELETE ${server.group}/providers/Microsoft.Storage/storageAccounts/staging1?api-version=2023-01-01 HTTP/1.1\r\n${host}${bearer}content-length: 0\r\n\r\n`;
  const put = (headers: string, body: string): RawTrick['parts'] => [
    `PATCH ${target} HTTP/1.1\r\n${host}${bearer}${type}${headers}\r\n${body}`,
  ];
  const get = (line: string, headers = `${host}${bearer}`): RawTrick['parts'] => [`${line}\r\n${headers}\r\n`];
  const chunked = 'transfer-encoding: chunked\r\n';
  return [
    { what: 'a length and chunks', parts: put(`content-length: 4\r\n${chunked}`, `0\r\n\r\n${hidden}`) },
    { what: 'chunks and a length', parts: put(`${chunked}content-length: 4\r\n`, `0\r\n\r\n${hidden}`) },
    { what: 'two lengths', parts: put('content-length: 0\r\ncontent-length: 300\r\n', hidden) },
    { what: 'two lengths in one', parts: put('content-length: 0, 300\r\n', hidden) },
    { what: 'a length with a sign', parts: put('content-length: +2\r\n', '{}') },
    { what: 'a negative length', parts: put('content-length: -1\r\n', '{}') },
    { what: 'a hexadecimal length', parts: put('content-length: 0x2\r\n', '{}') },
    { what: 'an endless length', parts: put('content-length: 99999999999999999999\r\n', '{}') },
    { what: 'chunks of another name', parts: put('transfer-encoding: xchunked\r\n', `0\r\n\r\n${hidden}`) },
    { what: 'chunks twice', parts: put(`${chunked}transfer-encoding: identity\r\n`, `0\r\n\r\n${hidden}`) },
    { what: 'chunks after a blank', parts: put('transfer-encoding : chunked\r\n', `0\r\n\r\n${hidden}`) },
    { what: 'chunks after a tab', parts: put('transfer-encoding:\tchunked, identity\r\n', `0\r\n\r\n${hidden}`) },
    { what: 'chunks by a vertical tab', parts: put('transfer-encoding: \u000bchunked\r\n', `0\r\n\r\n${hidden}`) },
    { what: 'a wrong chunk', parts: put(chunked, 'zz\r\n{}\r\n0\r\n\r\n') },
    { what: 'a chunk that is longer', parts: put(chunked, `1\r\n{}${hidden}`) },
    { what: 'an endless chunk', parts: put(chunked, 'ffffffffffffffff1\r\n{}') },
    { what: 'an extension of chunks, 100 kB', parts: put(chunked, `2;${'x'.repeat(100_000)}\r\n{}\r\n0\r\n\r\n`) },
    { what: 'a folded header', parts: put('content-length: 2\r\nx-a: b\r\n c: d\r\n', '{}') },
    { what: 'a header without a name', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}: x\r\n`) },
    { what: 'a header without a colon', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}nothing\r\n`) },
    { what: 'a NUL in a header', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}x-a: b\u0000c\r\n`) },
    { what: 'a lone carriage return', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}x-a: b\rx-c: d\r\n`) },
    { what: 'two hosts', parts: get(`GET ${target} HTTP/1.1`, `${host}host: evil.example\r\n${bearer}`) },
    { what: 'no host', parts: get(`GET ${target} HTTP/1.1`, bearer) },
    { what: 'two callers', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}authorization: Bearer x\r\n`) },
    {
      what: 'headers of 1 MiB',
      parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}x-a: ${'b'.repeat(2 ** 20)}\r\n`),
    },
    { what: '5 000 headers', parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}${'x-a: b\r\n'.repeat(5000)}`) },
    { what: 'a target of 100 kB', parts: get(`GET ${target}&x=${'y'.repeat(100_000)} HTTP/1.1`) },
    { what: 'a whole URL of another host', parts: get(`GET https://evil.example${target} HTTP/1.1`) },
    { what: 'a target without a slash', parts: get(`GET ${target.slice(1)} HTTP/1.1`) },
    { what: 'a blank in the target', parts: get(`GET ${target} x HTTP/1.1`) },
    { what: 'a NUL in the target', parts: get(`GET ${target}\u0000 HTTP/1.1`) },
    { what: 'a raw byte in the target', parts: get(`GET ${target}\u00ff HTTP/1.1`) },
    { what: 'a tunnel', parts: get('CONNECT evil.example:443 HTTP/1.1') },
    { what: 'HTTP/1.0 without a host', parts: get(`GET ${target} HTTP/1.0`, bearer), isHarmless: true },
    { what: 'HTTP/0.9', parts: [`GET ${target}\r\n\r\n`] },
    { what: 'HTTP/3.0', parts: get(`GET ${target} HTTP/3.0`) },
    { what: 'HTTP/2 by its preface', parts: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'] },
    {
      what: 'an upgrade to WebSocket',
      parts: get(`GET ${target} HTTP/1.1`, `${host}${bearer}connection: upgrade\r\nupgrade: websocket\r\n`),
      isHarmless: true,
    },
    {
      what: 'an upgrade to HTTP/2',
      parts: get(
        `GET ${target} HTTP/1.1`,
        `${host}${bearer}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n`,
      ),
      isHarmless: true,
    },
    { what: 'an unknown method', parts: get(`STEAL ${target} HTTP/1.1`) },
    { what: 'a method in small letters', parts: get(`delete ${target} HTTP/1.1`) },
    { what: 'a body before its permission', parts: put('expect: 200-ok\r\ncontent-length: 2\r\n', '{}') },
    { what: 'a body that announces 1 GiB', parts: put('content-length: 1073741824\r\n', '{') },
    {
      what: 'a reading with a hidden request as its body',
      parts: [`GET ${target} HTTP/1.1\r\n${host}${bearer}content-length: ${hidden.length}\r\n\r\n${hidden}`],
      isHarmless: true,
      mayAnswer: 1,
    },
    { what: 'bytes that are nothing', parts: [new Uint8Array(4096).map((_, i) => (i * 197) % 256)] },
    { what: 'nothing but line breaks', parts: ['\r\n'.repeat(2000)] },
    {
      what: 'a pipeline whose second is unsigned',
      parts: [
        `GET ${target} HTTP/1.1\r\n${host}${bearer}\r\nDELETE ${target} HTTP/1.1\r\n${host}connection: close\r\n\r\n`,
      ],
      isHarmless: true,
    },
  ];
}

/** Everything the server wrote until it closed or had no more to say. */
export async function exchange(server: HostileServer, { parts }: RawTrick, patienceMs = PATIENCE_MS): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', ca: server.ca });
  let text = '';
  let quiet: NodeJS.Timeout | undefined;
  const done = (): void => {
    clearTimeout(quiet);
    clearTimeout(late);
    socket.destroy();
    resolve(text);
  };
  const late = setTimeout(done, patienceMs);
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    clearTimeout(quiet);
    quiet = setTimeout(done, 150);
  });
  socket.on('error', done);
  socket.on('close', done);
  for (const part of parts) socket.write(part);
  return promise;
}
