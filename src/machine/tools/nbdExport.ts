import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { CodedError, isCoded, isSystemError } from '../../lib/error.ts';
import { NbdClient } from '../../nbd/client.ts';
import type { DiskFormat } from '../machine.ts';
import { endingWithUs } from './endingWithUs.ts';
import { toolMissing } from './runTool.ts';

/** What QEMU calls the format. */
export const qemuDriver = (format: DiskFormat): string => (format === 'vhd' ? 'vpc' : format);

export interface NbdExport extends AsyncDisposable {
  readonly socketPath: string;
  /** A connection of our own with both contexts; the export lives as long as it does. */
  readonly client: NbdClient;
}

export const ALLOCATION = 'base:allocation';
export const ALLOCATION_DEPTH = 'qemu:allocation-depth';
const OPEN_TIMEOUT_MS = 30_000;
const RETRY_MS = 10;
const LAST_WORDS_MS = 1_000;
const MAX_READERS = 64;
/** What setpriv, like a shell, exits with when there is no such program. */
const NOT_EXECUTED = 127;
const END_MS = 2_000;

/**
 * Serves an image read-only on a socket in `folder`. No export outlives its reader: the server ends with its last
 * connection, and the one kept here is closed by the kernel when this process dies, however it dies. A connection that
 * dies within its greeting does not count there, so the kernel is asked to end the server as well where it can be.
 * Errors: ToolMissing, SnapshotFailed with the words of qemu-nbd.
 */
export const openNbdExport = async (
  path: string,
  format: DiskFormat,
  folder: string,
  signal?: AbortSignal,
): Promise<NbdExport> => {
  const socketPath = join(folder, `${process.pid}-${randomBytes(6).toString('hex')}.nbd`);
  const options = ['--read-only', '--allocation-depth', `--shared=${MAX_READERS}`, `--socket=${socketPath}`];
  const [command, args] = await endingWithUs('qemu-nbd', [...options, '--image-opts', imageOptions(path, format)]);
  const server = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = whenEnded(server);
  const givenUp = new AbortController();
  const limit = AbortSignal.any([givenUp.signal, ...(signal ? [signal] : [])]);
  try {
    const client = await Promise.race([connectWhenServed(socketPath, ended, limit), ended.then(fail)]);
    return {
      socketPath,
      client,
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]();
        server.kill('SIGKILL');
        await ended;
        await rm(socketPath, { force: true });
      },
    };
  } catch (error) {
    givenUp.abort(error);
    server.kill('SIGKILL');
    await ended;
    await rm(socketPath, { force: true });
    signal?.throwIfAborted();
    throw error;
  }
};

/** Ends an export that a dead process left: it goes with the first connection that greets and leaves. */
export const endExport = async (socketPath: string): Promise<void> => {
  try {
    await using _ = await NbdClient.connect({ socketPath, exportName: '', signal: AbortSignal.timeout(END_MS) });
  } catch (error) {
    // Nobody listens: it has ended.
    if (!isCoded(error, 'NbdConnectionLost')) throw error;
  }
  await rm(socketPath, { force: true });
};

/** Driver and file as options: nothing is probed, and the path is never taken for a protocol. */
const imageOptions = (path: string, format: DiskFormat): string =>
  [
    `driver=${qemuDriver(format)}`,
    'file.driver=file',
    `file.filename=${path.replaceAll(',', ',,')}`,
    ...(format === 'vhd' ? ['force_size_calc=current_size'] : []),
  ].join(',');

const connectWhenServed = async (
  socketPath: string,
  ended: Promise<CodedError>,
  signal?: AbortSignal,
): Promise<NbdClient> => {
  // Not AbortSignal.timeout: under AbortSignal.any it keeps the process alive until the time is up.
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException('the export did not open', 'TimeoutError')),
    OPEN_TIMEOUT_MS,
  );
  const limit = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
  // The connection must outlive the limit: it has a signal of its own, that only stands for it until it is there.
  const connecting = new AbortController();
  const stop = () => connecting.abort(limit.reason);
  limit.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      try {
        return await NbdClient.connect({
          socketPath,
          exportName: '',
          contexts: [ALLOCATION, ALLOCATION_DEPTH],
          signal: connecting.signal,
        });
      } catch (error) {
        // A server that could not open its image cuts the connection off first, and tells why a moment later.
        if (!isNotServedYet(error))
          throw await Promise.race([ended, systemClock.sleep(LAST_WORDS_MS).then(() => error)]);
        await systemClock.sleep(RETRY_MS, limit);
      }
    }
  } finally {
    clearTimeout(timer);
    limit.removeEventListener('abort', stop);
  }
};

const isNotServedYet = (error: unknown): boolean =>
  isCoded(error, 'NbdConnectionLost') &&
  (isSystemError(error.cause, 'ENOENT') || isSystemError(error.cause, 'ECONNREFUSED'));

const whenEnded = (server: ChildProcess): Promise<CodedError> =>
  new Promise((resolve) => {
    let words = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-500);
    });
    server.once('error', (cause) => resolve(toolMissing('qemu-nbd', cause)));
    server.once('close', (code) => {
      if (code === NOT_EXECUTED) resolve(toolMissing('qemu-nbd'));
      else
        resolve(new CodedError('SnapshotFailed', `qemu-nbd: ${words.trim() || 'ended early'}`, { target: 'qemu-nbd' }));
    });
  });

const fail = (error: CodedError): never => {
  throw error;
};
