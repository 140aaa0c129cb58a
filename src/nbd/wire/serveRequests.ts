import type { Socket } from 'node:net';
import type { Extent } from '../../lib/extent.ts';
import { ALLOCATION } from '../extent.ts';
import {
  CHUNK,
  CHUNK_DONE,
  COMMAND_FLAG,
  protocolError,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
  uint32,
  viewOf,
  WIRE_ERROR,
} from './protocol.ts';
import { type Agreement, ALLOCATION_CONTEXT_ID } from './serveOptions.ts';

export interface Request {
  readonly flags: number;
  readonly command: number;
  readonly cookie: bigint;
  /** Not yet trusted: up to 2^64 - 1. */
  readonly offset: bigint;
  readonly length: number;
}

const MAX_READ_BYTES = 32 << 20;
const MAX_EXTENTS = 8192;
/** One descriptor's length is 32 bits; a longer extent is told in several. */
const MAX_DESCRIPTOR_BYTES = 2 ** 31;

export async function serveRead(socket: Socket, agreement: Agreement, request: Request): Promise<void> {
  if (request.length > MAX_READ_BYTES) return sendError(socket, agreement, request, WIRE_ERROR.overflow);
  const bytes = await agreement.exported.read(Number(request.offset), request.length);
  if (bytes.length !== request.length)
    throw protocolError(`the export gave ${bytes.length} bytes where ${request.length} were asked`);
  // Header and payload in one go: replies of overlapping reads must not mix.
  socket.cork();
  if (agreement.structured) {
    const head = new Uint8Array(28);
    structuredHead(head, request, CHUNK.offsetData, 8 + bytes.length);
    viewOf(head).setBigUint64(20, request.offset);
    socket.write(head);
  } else socket.write(simpleReply(request, 0));
  socket.write(bytes);
  socket.uncork();
}

export async function serveStatus(socket: Socket, agreement: Agreement, request: Request): Promise<void> {
  if (!agreement.allocation) return sendError(socket, agreement, request, WIRE_ERROR.invalid);
  const offset = Number(request.offset);
  const extents = await agreement.exported.extents(offset, request.length);
  const descriptors = describe(
    extents,
    offset,
    request.length,
    (request.flags & COMMAND_FLAG.requireOne) !== 0 ? 1 : MAX_EXTENTS,
  );
  const bytes = new Uint8Array(24 + 4 * descriptors.length);
  structuredHead(bytes, request, CHUNK.blockStatus, bytes.length - 20);
  viewOf(bytes).setUint32(20, ALLOCATION_CONTEXT_ID);
  bytes.set(uint32(...descriptors), 24);
  socket.write(bytes);
}

/** An answer without data: an error, or with error 0 plain success. */
export function sendError(socket: Socket, agreement: Agreement, request: Request, error: number): void {
  if (!agreement.structured || error === 0) {
    socket.write(simpleReply(request, error));
    return;
  }
  const bytes = new Uint8Array(26);
  structuredHead(bytes, request, CHUNK.error, 6);
  viewOf(bytes).setUint32(20, error);
  socket.write(bytes);
}

/** Length and flags in turn, cut to the range asked for. */
function describe(extents: readonly Extent[], offset: number, length: number, limit: number): number[] {
  const descriptors: number[] = [];
  let position = offset;
  for (const extent of extents) {
    if (extent.offset > position) throw protocolError(`the export left a gap at ${position}`);
    const end = Math.min(extent.offset + extent.length, offset + length);
    while (position < end && descriptors.length < 2 * limit) {
      const step = Math.min(end - position, MAX_DESCRIPTOR_BYTES);
      descriptors.push(step, extent.kind === 'zero' ? ALLOCATION.hole | ALLOCATION.zero : 0);
      position += step;
    }
  }
  if (descriptors.length === 0) throw protocolError(`the export knows nothing of ${length} bytes at ${offset}`);
  return descriptors;
}

function structuredHead(bytes: Uint8Array, request: Request, type: number, length: number): void {
  const view = viewOf(bytes);
  view.setUint32(0, STRUCTURED_REPLY_MAGIC);
  view.setUint16(4, CHUNK_DONE);
  view.setUint16(6, type);
  view.setBigUint64(8, request.cookie);
  view.setUint32(16, length);
}

function simpleReply(request: Request, error: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint32(0, SIMPLE_REPLY_MAGIC);
  view.setUint32(4, error);
  view.setBigUint64(8, request.cookie);
  return bytes;
}
