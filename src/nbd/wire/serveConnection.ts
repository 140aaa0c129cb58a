import type { Socket } from 'node:net';
import type { NbdServerOptions } from '../export.ts';
import type { ByteFeed } from './byteFeed.ts';
import {
  COMMAND,
  HANDSHAKE,
  NBD_MAGIC,
  OPTION_MAGIC,
  protocolError,
  REQUEST_BYTES,
  REQUEST_MAGIC,
  viewOf,
  WIRE_ERROR,
} from './protocol.ts';
import { type Agreement, negotiateServer } from './serveOptions.ts';
import { type Request, sendError, serveRead, serveStatus } from './serveRequests.ts';

/** Reads may overlap, so that a slow store is asked for several pieces at once. */
const REQUESTS_IN_FLIGHT = 16;
/** A write is refused, but its bytes must pass first; nobody sends more in one request. */
const MAX_WRITE_BYTES = 32 << 20;

/** One client from greeting to goodbye. Rejects when the peer breaks the protocol or goes away. */
export async function serveConnection(feed: ByteFeed, socket: Socket, options: NbdServerOptions): Promise<void> {
  socket.write(greeting());
  const clientFlags = viewOf(await feed.take(4)).getUint32(0);
  if (clientFlags & ~(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes))
    throw protocolError(`unknown client flags ${clientFlags}`);
  const agreement = await negotiateServer(feed, socket, options.exports, (clientFlags & HANDSHAKE.noZeroes) !== 0);
  if (agreement) await serveRequests(feed, socket, agreement, options);
}

async function serveRequests(
  feed: ByteFeed,
  socket: Socket,
  agreement: Agreement,
  options: NbdServerOptions,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for (;;) {
    const head = viewOf(await feed.take(REQUEST_BYTES));
    if (head.getUint32(0) !== REQUEST_MAGIC) throw protocolError('a request with a wrong magic number');
    const request = {
      flags: head.getUint16(4),
      command: head.getUint16(6),
      cookie: head.getBigUint64(8),
      offset: head.getBigUint64(16),
      length: head.getUint32(24),
    };
    if (request.command === COMMAND.disconnect) break;
    if (request.command === COMMAND.write) {
      if (request.length > MAX_WRITE_BYTES) throw protocolError(`a write of ${request.length} bytes`);
      await feed.take(request.length);
    }
    const answered = answer(socket, agreement, request, options).finally(() => underWay.delete(answered));
    underWay.add(answered);
    if (underWay.size >= REQUESTS_IN_FLIGHT) await Promise.race(underWay);
    if (socket.writableNeedDrain) await drained(socket);
  }
  await Promise.all(underWay);
}

async function answer(
  socket: Socket,
  agreement: Agreement,
  request: Request,
  options: NbdServerOptions,
): Promise<void> {
  const { exported, exportName } = agreement;
  if (request.command === COMMAND.flush) return sendError(socket, agreement, request, 0);
  if (request.command !== COMMAND.read && request.command !== COMMAND.blockStatus) {
    const refused = request.command <= COMMAND.writeZeroes ? WIRE_ERROR.notPermitted : WIRE_ERROR.invalid;
    return sendError(socket, agreement, request, refused);
  }
  if (request.length === 0 || request.offset + BigInt(request.length) > BigInt(exported.sizeBytes)) {
    return sendError(socket, agreement, request, WIRE_ERROR.invalid);
  }
  try {
    await (request.command === COMMAND.read ? serveRead : serveStatus)(socket, agreement, request);
  } catch (error) {
    options.onReadError?.(exportName, error);
    sendError(socket, agreement, request, WIRE_ERROR.io);
  }
}

function greeting(): Uint8Array {
  const bytes = new Uint8Array(18);
  const view = viewOf(bytes);
  view.setBigUint64(0, NBD_MAGIC);
  view.setBigUint64(8, OPTION_MAGIC);
  view.setUint16(16, HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes);
  return bytes;
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
    if (socket.destroyed) done();
  });
