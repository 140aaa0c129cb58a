import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook on this machine that keeps what it is told, each message once, as receivers are to do. */
export class Receiver implements AsyncDisposable {
  readonly told: unknown[] = [];
  readonly #seen = new Set<string>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => {
        text += part.toString();
      });
      request.on('end', () => {
        const delivery = String(request.headers['strongroom-delivery']);
        if (!this.#seen.has(delivery)) this.told.push(JSON.parse(text));
        this.#seen.add(delivery);
        response.writeHead(200).end();
      });
    });
  }

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', () => done()));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/told`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}
