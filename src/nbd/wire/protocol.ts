import { CodedError } from '../../lib/error.ts';

/** The NBD protocol, fixed newstyle: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md */
export const NBD_MAGIC = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

/** Handshake flags, the same bits on both sides. */
export const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const OPTION_REPLY = { ack: 1, server: 2, info: 3, metaContext: 4 } as const;

/** Every option reply from here on is an error. */
export const OPTION_ERROR = {
  first: 0x8000_0000,
  unsupported: 0x8000_0001,
  invalid: 0x8000_0003,
  unknownExport: 0x8000_0006,
  tooBig: 0x8000_0009,
} as const;

export const INFO = { export: 0, blockSize: 3 } as const;

export const TRANSMISSION = { hasFlags: 1, readOnly: 2, dontFragment: 128, multiConnection: 256 } as const;

export const COMMAND = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const COMMAND_FLAG = { dontFragment: 4, requireOne: 8 } as const;

export const CHUNK = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

export const CHUNK_DONE = 1;

/** Error numbers on the wire, the same on every system. */
export const WIRE_ERROR = { notPermitted: 1, io: 5, invalid: 22, overflow: 75, notSupported: 95 } as const;

export const ALLOCATION_CONTEXT = 'base:allocation';

export const REQUEST_BYTES = 28;

/** No option, option reply or text of the handshake may be longer. */
export const MAX_OPTION_BYTES = 65_536;

export const protocolError = (message: string): CodedError =>
  new CodedError('NbdProtocolInvalid', `The NBD peer broke the protocol: ${message}`);

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A 64-bit number of the wire. Errors: NbdProtocolInvalid above 2^53 - 1. */
export function safeNumber(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw protocolError(`${what} ${value} is above 2^53 - 1`);
  return Number(value);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function uint32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = viewOf(bytes);
  values.forEach((value, index) => {
    view.setUint32(4 * index, value);
  });
  return bytes;
}
