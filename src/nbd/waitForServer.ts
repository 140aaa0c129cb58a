import { connect } from 'node:net';
import { type Clock, systemClock } from '../lib/clock.ts';

const RETRY_MS = 10;

/**
 * Resolves when an NBD server greets on the socket. The socket file alone says nothing: a server may create it
 * before it has opened its image. Waits as long as the signal allows; rejects with its reason.
 */
export async function waitForServer(
  socketPath: string,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<void> {
  while (!(await greets(socketPath, signal))) await clock.sleep(RETRY_MS, signal);
  signal.throwIfAborted();
}

function greets(socketPath: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath });
    const settle = (greeted: boolean) => {
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve(greeted);
    };
    const stop = () => settle(false);
    signal.addEventListener('abort', stop, { once: true });
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
