import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CodedError } from '../../lib/error.ts';
import type { Range } from '../../lib/extent.ts';
import { turn } from '../../lib/turn.ts';
import type { ReadAddress } from '../../machine/machine.ts';
import { NbdClient } from '../../nbd/client.ts';
import { READ_RUN_BYTES } from '../../store/leafWriter.ts';

/** A frozen disk as one worker reads it. */
export interface TransferSource extends AsyncDisposable {
  /** Announces what will be read next, ascending: an NBD source asks for it ahead. */
  expect(runs: readonly Range[]): void;
  /** The bytes are good until the next call. Errors: SourceReadFailed and those of NbdClient. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

const TURN_EVERY_BYTES = 4 * 1024 * 1024;
/** Reads asked for ahead of time on one NBD connection. */
const READ_AHEAD = 4;

export async function openTransferSource(
  address: ReadAddress,
  sizeBytes: number,
  signal?: AbortSignal,
): Promise<TransferSource> {
  const source = address.kind === 'file' ? openFileSource(address.path) : await openNbdSource(address, signal);
  if (source.sizeBytes >= sizeBytes) return source;
  await source[Symbol.asyncDispose]();
  throw new CodedError(
    'SourceReadFailed',
    `The disk's source has ${source.sizeBytes} bytes, the disk ${sizeBytes}; it must not be smaller than the disk`,
    { target: address.kind === 'file' ? address.path : address.socketPath },
  );
}

/** Synchronous reads cost least; the loop turns now and then, for the last pack is being stored meanwhile. */
function openFileSource(path: string): TransferSource & { sizeBytes: number } {
  const file = fileErrors(path, () => openSync(path, 'r'));
  const buffer = new Uint8Array(READ_RUN_BYTES);
  let readSinceTurn = 0;
  const readFile = (offset: number, length: number): Uint8Array => {
    const target = length <= buffer.length ? buffer.subarray(0, length) : new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      const count = fileErrors(path, () => readSync(file, target, filled, length - filled, offset + filled));
      if (count === 0) {
        throw new CodedError('SourceReadFailed', `'${path}' ended at byte ${offset + filled}`, { target: path });
      }
      filled += count;
    }
    return target;
  };
  return {
    sizeBytes: fstatSync(file).size,
    expect: () => {},
    read: (offset, length) => {
      readSinceTurn += length;
      if (readSinceTurn < TURN_EVERY_BYTES) return readFile(offset, length);
      readSinceTurn = 0;
      return turn().then(() => readFile(offset, length));
    },
    [Symbol.asyncDispose]: async () => closeSync(file),
  };
}

function fileErrors<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new CodedError('SourceReadFailed', `'${path}' cannot be read: ${(error as Error).message}`, {
      target: path,
      cause: error,
    });
  }
}

interface Ahead extends Range {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly bytes: Uint8Array;
  readonly done: Promise<{ readonly error?: unknown }>;
  arrived: boolean;
}

async function openNbdSource(
  address: Extract<ReadAddress, { kind: 'nbd' }>,
  signal?: AbortSignal,
): Promise<TransferSource & { sizeBytes: number }> {
  const client = await NbdClient.connect({ ...address, ...(signal ? { signal } : {}) });
  const buffers = Array.from({ length: READ_AHEAD + 1 }, () => new Uint8Array(READ_RUN_BYTES));
  let announced: Range[] = [];
  let ahead: Ahead[] = [];
  let lent: Ahead['buffer'] | undefined;

  const giveUpAhead = () => {
    for (const entry of ahead) void entry.done.then(() => buffers.push(entry.buffer));
    ahead = [];
  };
  const askAhead = () => {
    for (let buffer = buffers.pop(); buffer; buffer = buffers.pop()) {
      const next = announced.shift();
      if (!next) {
        buffers.push(buffer);
        return;
      }
      const bytes = buffer.subarray(0, next.length);
      const entry: Ahead = {
        ...next,
        buffer,
        bytes,
        arrived: false,
        done: settled(client.readInto(next.offset, bytes), () => (entry.arrived = true)),
      };
      ahead.push(entry);
    }
  };
  const take = async (entry: Ahead): Promise<Uint8Array> => {
    const { error } = await entry.done;
    if (error !== undefined) throw error;
    return entry.bytes;
  };

  return {
    sizeBytes: client.sizeBytes,
    expect: (runs) => {
      giveUpAhead();
      announced = runs.flatMap(splitRun);
      askAhead();
    },
    read: (offset, length) => {
      if (lent) buffers.push(lent);
      lent = undefined;
      const entry = ahead[0];
      if (entry?.offset !== offset || entry.length !== length) {
        giveUpAhead();
        return client.read(offset, length);
      }
      ahead.shift();
      lent = entry.buffer;
      askAhead();
      return entry.arrived ? entry.bytes : take(entry);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Failures are told when the bytes are asked for. */
const settled = (reading: Promise<void>, arrived: () => void): Promise<{ readonly error?: unknown }> =>
  reading.then(
    () => {
      arrived();
      return {};
    },
    (error: unknown) => ({ error }),
  );

function splitRun(run: Range): Range[] {
  const pieces: Range[] = [];
  for (let at = 0; at < run.length; at += READ_RUN_BYTES) {
    pieces.push({ offset: run.offset + at, length: Math.min(READ_RUN_BYTES, run.length - at) });
  }
  return pieces;
}
