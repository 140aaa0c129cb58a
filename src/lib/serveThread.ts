import { parentPort } from 'node:worker_threads';
import { plainError } from './plainError.ts';
import type { ThreadCall, ThreadMessage } from './threadPool.ts';

/** The thread's side of a ThreadPool: answers every call with `handle`, one at a time, in their order. */
export function serveThread<Request, Reply, Event = never>(
  handle: (request: Request, emit: (event: Event) => void) => Promise<Reply>,
): void {
  const port = parentPort;
  if (!port) throw new Error('serveThread is called in a worker thread only');
  const send = (message: ThreadMessage<Reply, Event>) => port.postMessage(message);
  const emit = (event: Event) => send({ kind: 'event', event });
  let last: Promise<void> = Promise.resolve();
  port.on('message', ({ id, request }: ThreadCall<Request>) => {
    last = last.then(async () => {
      try {
        send({ kind: 'reply', id, reply: await handle(request, emit) });
      } catch (error) {
        send({ kind: 'error', id, error: plainError(error) });
      }
    });
  });
}
