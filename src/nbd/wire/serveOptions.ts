import type { Socket } from 'node:net';
import type { NbdExport } from '../export.ts';
import type { ByteFeed } from './byteFeed.ts';
import {
  ALLOCATION_CONTEXT,
  concatBytes,
  INFO,
  MAX_OPTION_BYTES,
  OPTION,
  OPTION_ERROR,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTION_REPLY_MAGIC,
  protocolError,
  TRANSMISSION,
  uint32,
  viewOf,
} from './protocol.ts';

/** What the handshake settled for one connection. */
export interface Agreement {
  readonly exportName: string;
  readonly exported: NbdExport;
  readonly structured: boolean;
  /** Whether the client asked for `base:allocation` of this export. */
  readonly allocation: boolean;
}

export const ALLOCATION_CONTEXT_ID = 1;
const EXPORT_FLAGS = TRANSMISSION.hasFlags | TRANSMISSION.readOnly | TRANSMISSION.multiConnection;
const BLOCK_SIZES = uint32(1, 4096, 32 << 20);
const MAX_OPTIONS = 1000;

const text = {
  encode: (words: string) => new TextEncoder().encode(words),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
};

/** The server's side of the options; undefined when the client went away politely. */
export async function negotiateServer(
  feed: ByteFeed,
  socket: Socket,
  exports: ReadonlyMap<string, NbdExport>,
  noZeroes: boolean,
): Promise<Agreement | undefined> {
  const state = { structured: false, allocationOf: undefined as string | undefined };
  for (let count = 0; count < MAX_OPTIONS; count++) {
    const { option, payload } = await nextOption(feed);
    const reply = (type: number, bytes: Uint8Array = new Uint8Array(0)) =>
      void socket.write(replyBytes(option, type, bytes));
    if (option === OPTION.abort) {
      reply(OPTION_REPLY.ack);
      return undefined;
    }
    if (option === OPTION.exportName) {
      const exportName = text.decode(payload);
      const exported = exports.get(exportName);
      if (!exported) throw protocolError('EXPORT_NAME of an unknown export');
      socket.write(concatBytes(exportDetails(exported), new Uint8Array(noZeroes ? 0 : 124)));
      return { exportName, exported, structured: state.structured, allocation: state.allocationOf === exportName };
    }
    if (option === OPTION.go || option === OPTION.info) {
      const exportName = namedExport(payload);
      const exported = exportName === undefined ? undefined : exports.get(exportName);
      if (exportName === undefined) reply(OPTION_ERROR.invalid);
      else if (!exported) reply(OPTION_ERROR.unknownExport, text.encode('no such export'));
      else {
        reply(OPTION_REPLY.info, concatBytes(uint16(INFO.export), exportDetails(exported)));
        reply(OPTION_REPLY.info, concatBytes(uint16(INFO.blockSize), BLOCK_SIZES));
        reply(OPTION_REPLY.ack);
        if (option === OPTION.go)
          return { exportName, exported, structured: state.structured, allocation: state.allocationOf === exportName };
      }
    } else answerSimple(option, payload, exports, state, reply);
  }
  throw protocolError(`more than ${MAX_OPTIONS} options`);
}

function answerSimple(
  option: number,
  payload: Uint8Array,
  exports: ReadonlyMap<string, NbdExport>,
  state: { structured: boolean; allocationOf: string | undefined },
  reply: (type: number, bytes?: Uint8Array) => void,
): void {
  if (option === OPTION.structuredReply) {
    state.structured = payload.length === 0;
    reply(state.structured ? OPTION_REPLY.ack : OPTION_ERROR.invalid);
  } else if (option === OPTION.list && payload.length === 0) {
    for (const name of exports.keys())
      reply(OPTION_REPLY.server, concatBytes(uint32(text.encode(name).length), text.encode(name)));
    reply(OPTION_REPLY.ack);
  } else if (option === OPTION.listMetaContext || option === OPTION.setMetaContext) {
    answerContexts(option === OPTION.listMetaContext, contextQueries(payload), exports, state, reply);
  } else reply(option === OPTION.list ? OPTION_ERROR.invalid : OPTION_ERROR.unsupported);
}

function answerContexts(
  listing: boolean,
  asked: { exportName: string; queries: readonly string[] } | undefined,
  exports: ReadonlyMap<string, NbdExport>,
  state: { structured: boolean; allocationOf: string | undefined },
  reply: (type: number, bytes?: Uint8Array) => void,
): void {
  if (!asked || !state.structured) reply(OPTION_ERROR.invalid);
  else if (!exports.has(asked.exportName)) reply(OPTION_ERROR.unknownExport, text.encode('no such export'));
  else {
    const everything = listing && (asked.queries.length === 0 || asked.queries.includes('base:'));
    const wanted = everything || asked.queries.includes(ALLOCATION_CONTEXT);
    if (!listing) state.allocationOf = wanted ? asked.exportName : undefined;
    const id = listing ? 0 : ALLOCATION_CONTEXT_ID;
    if (wanted) reply(OPTION_REPLY.metaContext, concatBytes(uint32(id), text.encode(ALLOCATION_CONTEXT)));
    reply(OPTION_REPLY.ack);
  }
}

async function nextOption(feed: ByteFeed): Promise<{ option: number; payload: Uint8Array }> {
  const head = viewOf(await feed.take(16));
  if (head.getBigUint64(0) !== OPTION_MAGIC) throw protocolError('an option with a wrong magic number');
  const length = head.getUint32(12);
  if (length > MAX_OPTION_BYTES) throw protocolError(`an option of ${length} bytes`);
  return { option: head.getUint32(8), payload: await feed.take(length) };
}

/** The name in GO and INFO: length, name, number of information requests, two bytes each. */
function namedExport(payload: Uint8Array): string | undefined {
  if (payload.length < 6) return undefined;
  const view = viewOf(payload);
  const nameEnd = 4 + view.getUint32(0);
  if (nameEnd + 2 > payload.length) return undefined;
  return payload.length === nameEnd + 2 + 2 * view.getUint16(nameEnd)
    ? text.decode(payload.subarray(4, nameEnd))
    : undefined;
}

function contextQueries(payload: Uint8Array): { exportName: string; queries: string[] } | undefined {
  const view = viewOf(payload);
  let at = 0;
  const number = () => {
    if (at + 4 > payload.length) return undefined;
    at += 4;
    return view.getUint32(at - 4);
  };
  const string = () => {
    const length = number();
    if (length === undefined || at + length > payload.length) return undefined;
    at += length;
    return text.decode(payload.subarray(at - length, at));
  };
  const exportName = string();
  const count = number();
  if (exportName === undefined || count === undefined || count * 4 > payload.length) return undefined;
  const queries: string[] = [];
  for (let index = 0; index < count; index++) {
    const query = string();
    if (query === undefined) return undefined;
    queries.push(query);
  }
  return at === payload.length ? { exportName, queries } : undefined;
}

function exportDetails(exported: NbdExport): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = viewOf(bytes);
  view.setBigUint64(0, BigInt(exported.sizeBytes));
  view.setUint16(8, EXPORT_FLAGS);
  return bytes;
}

function replyBytes(option: number, type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + payload.length);
  const view = viewOf(bytes);
  view.setBigUint64(0, OPTION_REPLY_MAGIC);
  view.setUint32(8, option);
  view.setUint32(12, type);
  view.setUint32(16, payload.length);
  bytes.set(payload, 20);
  return bytes;
}

const uint16 = (value: number): Uint8Array => new Uint8Array([value >> 8, value & 255]);
