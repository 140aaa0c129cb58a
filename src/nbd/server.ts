import { createServer, type Server, type Socket } from 'node:net';
import type { NbdServerOptions } from './export.ts';
import { ByteFeed } from './wire/byteFeed.ts';
import { serveConnection } from './wire/serveConnection.ts';

/**
 * A read-only NBD server on a unix socket: fixed newstyle, GO, INFO, LIST, structured replies, `base:allocation`,
 * any number of connections. A peer that breaks the protocol loses its connection and nothing else.
 */
export class NbdServer implements AsyncDisposable {
  readonly socketPath: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(socketPath: string, server: Server, sockets: Set<Socket>) {
    this.socketPath = socketPath;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async listen(options: NbdServerOptions): Promise<NbdServer> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      accept(socket, options);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // listen() binds before it returns, so nobody else's files are made under this mask.
      const formerMask = process.umask(0o177);
      server.listen(options.socketPath, resolve);
      process.umask(formerMask);
    });
    return new NbdServer(options.socketPath, server, sockets);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Cuts every connection and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function accept(socket: Socket, options: NbdServerOptions): void {
  const feed = new ByteFeed(() => socket.resume());
  socket.on('data', (piece: Buffer) => {
    if (!feed.feed(piece)) socket.pause();
  });
  const ended = (reason: unknown) => feed.fail(reason);
  socket.on('error', ended);
  socket.on('end', () => ended(new Error('the client closed the connection')));
  socket.on('close', () => ended(new Error('the connection is closed')));
  // Whatever ends a conversation ends this connection only: the peer is told by the cut.
  serveConnection(feed, socket, options).then(
    () => socket.end(),
    () => socket.destroy(),
  );
}
