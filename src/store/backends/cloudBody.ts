import { addAbortSignal, type Readable } from 'node:stream';
import { BadAnswer } from './cloudRequests.ts';

/** An answer's bytes, exactly so many. Errors: BadAnswer (more or fewer came); the stream's own. */
export const readBody = async (body: Readable, sizeBytes: number, signal: AbortSignal): Promise<Uint8Array> => {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for await (const part of addAbortSignal(signal, body)) {
    const chunk = part as Buffer;
    if (at + chunk.length > sizeBytes) throw new BadAnswer(`more than the ${sizeBytes} bytes that were announced`);
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at < sizeBytes) throw new BadAnswer(`${at} of the ${sizeBytes} bytes that were announced`);
  return bytes;
};
