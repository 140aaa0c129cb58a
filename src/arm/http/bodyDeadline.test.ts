import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { setBodyDeadline } from './bodyDeadline.ts';

async function answered(body: string, finish: (raw: IncomingMessage, response: ServerResponse) => Promise<void>) {
  const clock = new TurnedClock();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\n${body}`);
    const [raw, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    setBodyDeadline({ raw, headers: raw.headers } as FastifyRequest, { raw: response } as FastifyReply, clock);
    await finish(raw, response);
    await clock.turn(30_000);
    if (raw.complete) response.end('all of it');
    const pieces = await socket.toArray();
    return Buffer.concat(pieces as Buffer[]).toString();
  } finally {
    server.close();
  }
}

test('a body that does not arrive in half a minute ends its request', async () => {
  assert.match(await answered('ab', async () => {}), /^HTTP\/1\.1 408 .*RequestTimeout/s);
});

test('work on a body that is there may take longer', async () => {
  assert.match(await answered('abcde', async (raw) => void (await raw.toArray())), /^HTTP\/1\.1 200 .*all of it/s);
});
