import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { Crc64 } from './crc64.ts';
import { Pace } from './pace.ts';
import { StorageError } from './storageError.ts';

/** A request whose body comes, and the clock that it is held to. */
export interface BodySource {
  readonly request: IncomingMessage;
  readonly clock: Clock;
}

export interface ReceivedBody {
  readonly sizeBytes: number;
  /** Base64. */
  readonly md5: string;
}

/** What the client said of its body, checked before a byte is read. Errors: MissingContentLengthHeader, RequestBodyTooLarge. */
export function checkLength(headers: IncomingHttpHeaders, maxBytes: number): number {
  const length = headers['content-length'];
  if (length === undefined) throw new StorageError('MissingContentLengthHeader', 'Content-Length was not specified.');
  if (!/^\d{1,15}$/.test(length) || Number(length) > maxBytes)
    throw new StorageError(
      'RequestBodyTooLarge',
      `The request body is too large and exceeds the maximum permissible limit of ${maxBytes} bytes.`,
    );
  return Number(length);
}

/**
 * Writes the body into a file at `offset`, as it comes: no more than one piece is in memory. Errors: Md5Mismatch,
 * Crc64Mismatch, InvalidInput (it ended too early), OperationTimedOut, NotImplemented.
 */
export async function receiveInto(from: BodySource, path: string, offset = 0): Promise<ReceivedBody> {
  await using file = await open(path, 'r+');
  return await receive(from, (piece, at) => writeAll(file, piece, offset + at));
}

/** Reads a body whole; the caller has checked its length. */
export async function receiveBytes(from: BodySource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await receive(from, async (piece) => void pieces.push(piece));
  return Buffer.concat(pieces);
}

async function receive(
  { request, clock }: BodySource,
  onPiece: (piece: Uint8Array, at: number) => Promise<void>,
): Promise<ReceivedBody> {
  const { headers } = request;
  if (headers['x-ms-structured-body'] !== undefined)
    throw new StorageError(
      'NotImplemented',
      'Structured bodies are not accepted; send x-ms-content-crc64 or Content-MD5.',
    );
  const md5 = createHash('md5');
  const crc = headers['x-ms-content-crc64'] === undefined ? undefined : new Crc64();
  let sizeBytes = 0;
  using pace = new Pace(request, clock);
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    pace.count(piece.length);
    md5.update(piece);
    crc?.update(piece);
    await onPiece(piece, sizeBytes);
    sizeBytes += piece.length;
  }
  if (!request.complete) throw new StorageError('InvalidInput', 'The request body ended before its length.');
  const digest = md5.digest('base64');
  if (headers['content-md5'] !== undefined && headers['content-md5'] !== digest)
    throw new StorageError(
      'Md5Mismatch',
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
    );
  if (crc && headers['x-ms-content-crc64'] !== crc.digest())
    throw new StorageError(
      'Crc64Mismatch',
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
    );
  return { sizeBytes, md5: digest };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
