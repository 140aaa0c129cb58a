import { CodedError } from '../../lib/error.ts';
import type { ByteFeed } from './byteFeed.ts';
import {
  concatBytes,
  HANDSHAKE,
  INFO,
  MAX_OPTION_BYTES,
  NBD_MAGIC,
  OPTION,
  OPTION_ERROR,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTION_REPLY_MAGIC,
  protocolError,
  safeNumber,
  TRANSMISSION,
  uint32,
  viewOf,
} from './protocol.ts';

export interface Agreed {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly structured: boolean;
  /** Names of the metadata contexts by their ids on this connection. */
  readonly contexts: ReadonlyMap<number, string>;
}

interface OptionReply {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** An honest server answers one option with a handful of replies. */
const MAX_REPLIES = 256;

const text = new TextEncoder();

/** The client's side of the handshake, up to the transmission phase. */
export async function negotiate(
  feed: ByteFeed,
  send: (bytes: Uint8Array) => void,
  exportName: string,
  contextNames: readonly string[],
): Promise<Agreed> {
  await greet(feed, send);
  const structured = await structuredReplies(feed, send);
  if (contextNames.length > 0 && !structured)
    throw unavailable(exportName, 'the server has no structured replies, so it cannot tell extents');
  const contexts =
    contextNames.length > 0 ? await setContexts(feed, send, exportName, contextNames) : new Map<number, string>();
  const name = text.encode(exportName);
  send(optionBytes(OPTION.go, concatBytes(uint32(name.length), name, new Uint8Array(2))));
  return { ...(await exportInfo(feed, exportName)), structured, contexts };
}

async function greet(feed: ByteFeed, send: (bytes: Uint8Array) => void): Promise<void> {
  const greeting = viewOf(await feed.take(18));
  if (greeting.getBigUint64(0) !== NBD_MAGIC) throw protocolError('the greeting does not begin with NBDMAGIC');
  if (greeting.getBigUint64(8) !== OPTION_MAGIC) throw protocolError('the server speaks the old handshake only');
  const flags = greeting.getUint16(16);
  if (!(flags & HANDSHAKE.fixedNewstyle)) throw protocolError('the server does not speak fixed newstyle');
  send(uint32(flags & (HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)));
}

async function structuredReplies(feed: ByteFeed, send: (bytes: Uint8Array) => void): Promise<boolean> {
  send(optionBytes(OPTION.structuredReply, new Uint8Array(0)));
  const reply = await optionReply(feed, OPTION.structuredReply);
  if (reply.type >= OPTION_ERROR.first) return false;
  if (reply.type !== OPTION_REPLY.ack) throw protocolError(`option reply type ${reply.type} to STRUCTURED_REPLY`);
  return true;
}

async function setContexts(
  feed: ByteFeed,
  send: (bytes: Uint8Array) => void,
  exportName: string,
  contextNames: readonly string[],
): Promise<ReadonlyMap<number, string>> {
  const name = text.encode(exportName);
  const queries = contextNames.map((context) => {
    const query = text.encode(context);
    return concatBytes(uint32(query.length), query);
  });
  send(optionBytes(OPTION.setMetaContext, concatBytes(uint32(name.length), name, uint32(queries.length), ...queries)));
  const contexts = new Map<number, string>();
  for (const reply of await repliesUntilAck(feed, OPTION.setMetaContext, exportName)) {
    if (reply.type !== OPTION_REPLY.metaContext || reply.payload.length < 4)
      throw protocolError('a malformed answer to SET_META_CONTEXT');
    contexts.set(viewOf(reply.payload).getUint32(0), new TextDecoder().decode(reply.payload.subarray(4)));
  }
  const known = new Set(contexts.values());
  const missing = contextNames.filter((context) => !known.has(context));
  if (missing.length > 0) throw unavailable(exportName, `the server has no metadata context '${missing.join("', '")}'`);
  return contexts;
}

async function exportInfo(feed: ByteFeed, exportName: string): Promise<{ sizeBytes: number; readOnly: boolean }> {
  let found: { sizeBytes: number; readOnly: boolean } | undefined;
  for (const reply of await repliesUntilAck(feed, OPTION.go, exportName)) {
    if (reply.type !== OPTION_REPLY.info || reply.payload.length < 2) throw protocolError('a malformed answer to GO');
    const view = viewOf(reply.payload);
    if (view.getUint16(0) !== INFO.export) continue;
    if (reply.payload.length !== 12) throw protocolError(`export information of ${reply.payload.length} bytes`);
    found = {
      sizeBytes: safeNumber(view, 2, 'the export size'),
      readOnly: (view.getUint16(10) & TRANSMISSION.readOnly) !== 0,
    };
  }
  if (!found) throw protocolError('the server acknowledged GO without the size of the export');
  return found;
}

async function repliesUntilAck(feed: ByteFeed, option: number, exportName: string): Promise<readonly OptionReply[]> {
  const replies: OptionReply[] = [];
  for (;;) {
    const reply = await optionReply(feed, option);
    if (reply.type === OPTION_REPLY.ack) return replies;
    if (reply.type >= OPTION_ERROR.first) {
      const words = new TextDecoder().decode(reply.payload).slice(0, 500);
      throw unavailable(exportName, words || `the server refused it with error ${reply.type - OPTION_ERROR.first}`);
    }
    if (replies.push(reply) > MAX_REPLIES) throw protocolError(`more than ${MAX_REPLIES} replies to one option`);
  }
}

async function optionReply(feed: ByteFeed, option: number): Promise<OptionReply> {
  const header = viewOf(await feed.take(20));
  if (header.getBigUint64(0) !== OPTION_REPLY_MAGIC) throw protocolError('an option reply with a wrong magic number');
  if (header.getUint32(8) !== option)
    throw protocolError(`a reply to option ${header.getUint32(8)} where ${option} was asked`);
  const length = header.getUint32(16);
  if (length > MAX_OPTION_BYTES)
    throw protocolError(`an option reply of ${length} bytes; at most ${MAX_OPTION_BYTES} are taken`);
  return { type: header.getUint32(12), payload: await feed.take(length) };
}

function optionBytes(option: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + payload.length);
  const view = viewOf(bytes);
  view.setBigUint64(0, OPTION_MAGIC);
  view.setUint32(8, option);
  view.setUint32(12, payload.length);
  bytes.set(payload, 16);
  return bytes;
}

const unavailable = (exportName: string, why: string) =>
  new CodedError('NbdExportUnavailable', `The NBD export '${exportName}' is not available: ${why}`, {
    target: exportName,
  });
