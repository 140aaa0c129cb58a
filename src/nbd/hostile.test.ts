import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type ErrorCode, isCoded } from '../lib/error.ts';
import { NbdClient } from './client.ts';
import { NbdServer } from './server.ts';

let folder: string;
let socketPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nbd-'));
  socketPath = join(folder, 's');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const CUT = 'cut';
const GREETING = '4e42444d41474943' + '49484156454f5054' + '0003';
const reply = (option: string, type: string, payload = '') =>
  `0003e889045565a9${option}${type}${(payload.length / 2).toString(16).padStart(8, '0')}${payload}`;
const STRUCTURED = reply('00000008', '00000001');
/** An export of 1 MiB. */
const INFO = reply('00000007', '00000003', '0000' + '0000000000100000' + '0003');
const GO = INFO + reply('00000007', '00000001');
/** Head of a structured chunk of the first request: flags, type, cookie 1, length. */
const chunk = (flags: string, type: string, length: string, cookie = '0000000000000001') =>
  `668e33ef${flags}${type}${cookie}${length}`;

/** Bytes an honest client has said when it asks for its first read or status of the export `d`. */
const TOLD_BYTES = 4 + 16 + 23 + 28;
const CONTEXT_BYTES = 44;

/** A server that says its part at once, whatever the client says, and `answer` when it has heard so many bytes. */
async function script(
  atOnce: string,
  answer: { readonly after: number; readonly bytes: string },
  meet: () => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const say = (bytes: string) => {
      const spoken = Buffer.from(bytes.replace(CUT, ''), 'hex');
      if (bytes.endsWith(CUT)) socket.end(spoken);
      else socket.write(spoken);
    };
    let heard = 0;
    socket.on('data', (piece) => {
      heard += piece.length;
      if (heard === answer.after) say(answer.bytes);
    });
    socket.on('error', () => {});
    say(atOnce);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  try {
    await meet();
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a client meets a hostile server', () => {
  const atConnect: [string, string, ErrorCode][] = [
    ['another protocol', '485454502f312e312034303020426164205265', 'NbdProtocolInvalid'],
    ['the old handshake', '4e42444d41474943' + '0000420281861253' + '0003', 'NbdProtocolInvalid'],
    ['no fixed newstyle', '4e42444d41474943' + '49484156454f5054' + '0000', 'NbdProtocolInvalid'],
    ['cut before the greeting ends', '4e42444d' + CUT, 'NbdConnectionLost'],
    ['a reply with a wrong magic number', GREETING + `${'00'.repeat(20)}`, 'NbdProtocolInvalid'],
    ['a reply of 4 GiB', GREETING + '0003e889045565a90000000800000001ffffffff', 'NbdProtocolInvalid'],
    ['a reply to another option', GREETING + reply('00000003', '00000001'), 'NbdProtocolInvalid'],
    [
      'a size beyond all numbers',
      GREETING +
        STRUCTURED +
        reply('00000007', '00000003', '0000' + 'ffffffffffffffff' + '0003') +
        reply('00000007', '00000001'),
      'NbdProtocolInvalid',
    ],
    ['GO without a size', GREETING + STRUCTURED + reply('00000007', '00000001'), 'NbdProtocolInvalid'],
    ['replies without end', GREETING + STRUCTURED + INFO.repeat(300), 'NbdProtocolInvalid'],
    ['an export it refuses', GREETING + STRUCTURED + reply('00000007', '80000006'), 'NbdExportUnavailable'],
  ];
  for (const [name, bytes, code] of atConnect) {
    test(name, () =>
      script(bytes, { after: -1, bytes: '' }, async () => {
        await assert.rejects(NbdClient.connect({ socketPath, exportName: 'd' }), (error) => isCoded(error, code));
      }),
    );
  }

  const atRead: [string, string, ErrorCode][] = [
    ['a reply with a wrong magic number', 'deadbeef'.repeat(5), 'NbdProtocolInvalid'],
    ['a reply nobody asked for', chunk('0001', '0000', '00000000', '0000000000000009'), 'NbdProtocolInvalid'],
    ['data before the range', `${chunk('0001', '0001', '00000009')}000000000000000000`, 'NbdProtocolInvalid'],
    ['more data than asked', `${chunk('0001', '0001', 'ffffffff')}0000000000001000`, 'NbdProtocolInvalid'],
    ['fewer bytes than asked', `${chunk('0001', '0001', '00000009')}0000000000001000ff`, 'NbdProtocolInvalid'],
    ['no data at all', chunk('0001', '0000', '00000000'), 'NbdProtocolInvalid'],
    [
      'one part twice',
      `${`${chunk('0000', '0002', '0000000c')}000000000000100000000008`.repeat(2)}${chunk('0001', '0000', '00000000')}`,
      'NbdProtocolInvalid',
    ],
    ['a hole beyond the range', `${chunk('0001', '0002', '0000000c')}0000000000001000ffffffff`, 'NbdProtocolInvalid'],
    [
      'block status in answer to a read',
      `${chunk('0001', '0005', '0000000c')}000000010000100000000000`,
      'NbdProtocolInvalid',
    ],
    ['a simple reply where structured was agreed', '67446698000000000000000000000001', 'NbdProtocolInvalid'],
    ['an error', `${chunk('0001', '8001', '00000006')}000000050000`, 'NbdReadFailed'],
    ['an error longer than its chunk', `${chunk('0001', '8001', '00000008')}00000005ffff4142`, 'NbdReadFailed'],
    ['cut in mid-reply', `${chunk('0001', '0001', '00000018')}00${CUT}`, 'NbdConnectionLost'],
  ];
  for (const [name, answer, code] of atRead) {
    test(name, () => {
      return script(GREETING + STRUCTURED + GO, { after: TOLD_BYTES, bytes: answer }, async () => {
        const client = await NbdClient.connect({ socketPath, exportName: 'd' });
        await assert.rejects(client.read(4096, 16), (error) => isCoded(error, code));
        if (code === 'NbdProtocolInvalid') await assert.rejects(client.read(0, 1), (error) => isCoded(error, code));
        await client[Symbol.asyncDispose]();
      });
    });
  }

  const status =
    reply('0000000a', '00000004', `00000001${Buffer.from('base:allocation').toString('hex')}`) +
    reply('0000000a', '00000001');
  const atExtents: [string, string][] = [
    ['an extent of no length', `${chunk('0001', '0005', '0000000c')}000000010000000000000000`],
    ['a context that was not asked for', `${chunk('0001', '0005', '0000000c')}000000020000100000000000`],
    ['a reply of 1 GiB', chunk('0001', '0005', '40000004')],
    ['half an extent', `${chunk('0001', '0005', '00000008')}0000000100001000`],
    ['no context', chunk('0001', '0000', '00000000')],
  ];
  for (const [name, answer] of atExtents) {
    test(`extents: ${name}`, () =>
      script(GREETING + STRUCTURED + status + GO, { after: TOLD_BYTES + CONTEXT_BYTES, bytes: answer }, async () => {
        const client = await NbdClient.connect({ socketPath, exportName: 'd', contexts: ['base:allocation'] });
        await assert.rejects(Array.fromAsync(client.extents()), (error) => isCoded(error, 'NbdProtocolInvalid'));
        await client[Symbol.asyncDispose]();
      }));
  }
});

test('a server outlives any bytes a client sends', async () => {
  await using server = await NbdServer.listen({
    socketPath,
    exports: new Map([
      ['d', { sizeBytes: 4096, read: async (_at, length) => new Uint8Array(length).fill(5), extents: async () => [] }],
    ]),
  });
  const option = (code: number, length: number) => {
    const head = Buffer.from(
      `49484156454f5054${code.toString(16).padStart(8, '0')}${length.toString(16).padStart(8, '0')}`,
      'hex',
    );
    return head;
  };
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .tuple(fc.nat(12), fc.oneof(fc.nat(64), fc.constant(0xffffffff)), fc.uint8Array({ maxLength: 64 }))
      .map(([code, length, payload]) => Buffer.concat([option(code, length), payload])),
    fc.constant(Buffer.concat([option(7, 7), Buffer.from('00000001640000', 'hex')])),
    fc
      .tuple(fc.nat(8), fc.nat(0xffffffff))
      .map(([command, length]) =>
        Buffer.from(
          `256095130000${command.toString(16).padStart(4, '0')}0000000000000001ffffffffffffff00${length.toString(16).padStart(8, '0')}`,
          'hex',
        ),
      ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      const socket = dial({ path: socketPath });
      socket.on('error', () => {});
      socket.resume();
      socket.end(Buffer.concat([Buffer.from('00000003', 'hex'), ...pieces]));
      await new Promise((resolve) => socket.once('close', resolve));
    }),
    { numRuns: 60 },
  );
  await using client = await NbdClient.connect({ socketPath, exportName: 'd' });
  assert.deepEqual(await client.read(0, 2), new Uint8Array([5, 5]));
  assert.equal(server.connections, 1);
});
