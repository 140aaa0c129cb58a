import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** What goes wrong with one request. */
export type S3Fault =
  /** Answered with this status and code; nothing is done. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code?: string; readonly retryAfterS?: number }
  /** A put is answered with 200, and nothing of it is stored. */
  | { readonly kind: 'forget' }
  /** A put is answered with 200, and half of it is stored. */
  | { readonly kind: 'halve' }
  /** Done, but the connection ends before the answer. */
  | { readonly kind: 'mute' }
  /** Never answered. */
  | { readonly kind: 'hang' }
  /** The connection ends within the body of the answer. */
  | { readonly kind: 'cut' }
  /** One bit of the answer's body is another. */
  | { readonly kind: 'flip' }
  /** A listing says that it goes on, but not where. */
  | { readonly kind: 'endless' };

/** Certificate and key, PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** An S3 server without versions that does as it is told: one bucket of whatever name, no signature is looked at. */
export class FaultyS3 implements AsyncDisposable {
  /** Asked for each request; each fault that it names is hit. */
  faultOf: (method: string, key: string) => S3Fault | undefined = () => undefined;
  /** 'PUT fmt', in the order in which they came. */
  readonly requests: string[] = [];
  hits = 0;
  readonly objects = new Map<string, Uint8Array>();
  /** Called with each request that will never be answered. */
  onHang: () => void = () => {};
  readonly #server: Server;

  readonly #scheme: string;

  private constructor(tls: Tls | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
  }

  static async start(tls?: Tls): Promise<FaultyS3> {
    const made = new FaultyS3(tls);
    made.#server.listen(0, '127.0.0.1');
    await once(made.#server, 'listening');
    return made;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return `${this.#scheme}://127.0.0.1:${address.port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const url = new URL(request.url ?? '', this.endpoint);
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const method = request.method ?? '';
    const isAside = key === '' && (url.searchParams.has('versioning') || method === 'HEAD');
    if (!isAside) this.requests.push(`${method} ${key}`);
    const fault = isAside ? undefined : this.faultOf(method, key);
    if (fault) this.hits++;
    if (fault?.kind === 'hang') return this.onHang();
    if (fault?.kind === 'refuse') {
      const retryAfter = fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
      response.writeHead(fault.status, retryAfter);
      response.end(method === 'HEAD' ? '' : `<Error><Code>${fault.code ?? 'InternalError'}</Code></Error>`);
      return;
    }
    if (method === 'PUT') return this.#put(request, response, { key, body, fault });
    if (method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
      return;
    }
    if (key === '') return this.#list(url, response, fault);
    this.#get(request, response, { key, fault });
  }

  #put(request: IncomingMessage, response: ServerResponse, put: Put): void {
    const { key, body, fault } = put;
    if (request.headers['if-none-match'] === '*' && this.objects.has(key)) {
      response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      return;
    }
    if (fault?.kind !== 'forget')
      this.objects.set(key, fault?.kind === 'halve' ? body.subarray(body.length >> 1) : body);
    if (fault?.kind === 'mute') request.socket.destroy();
    else response.writeHead(200, { etag: '"1"' }).end();
  }

  #get(request: IncomingMessage, response: ServerResponse, { key, fault }: Get): void {
    const whole = this.objects.get(key);
    if (!whole) {
      response.writeHead(404).end(request.method === 'HEAD' ? '' : '<Error><Code>NoSuchKey</Code></Error>');
      return;
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const bytes = from === undefined ? Buffer.from(whole) : Buffer.from(whole.subarray(Number(from), Number(to) + 1));
    if (fault?.kind === 'flip') bytes[bytes.length >> 1]! ^= 1;
    response.writeHead(from === undefined ? 200 : 206, { 'content-length': bytes.length });
    if (request.method === 'HEAD') {
      response.end();
    } else if (fault?.kind === 'cut') {
      response.write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
    } else {
      response.end(bytes);
    }
  }

  /** Pages of two; a page's token is the last key before it. */
  #list(url: URL, response: ServerResponse, fault: S3Fault | undefined): void {
    if (url.searchParams.has('versioning')) {
      response.writeHead(200).end('<VersioningConfiguration></VersioningConfiguration>');
      return;
    }
    const after = url.searchParams.get('continuation-token') ?? '';
    const prefix = url.searchParams.get('prefix') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, 2).map((key) => {
      return `<Contents><Key>${key}</Key><Size>${this.objects.get(key)!.length}</Size></Contents>`;
    });
    const goesOn = fault?.kind === 'endless' || keys.length > 2;
    const token =
      keys.length > 2 && fault === undefined ? `<NextContinuationToken>${keys[1]}</NextContinuationToken>` : '';
    const body = `${page.join('')}<IsTruncated>${goesOn}</IsTruncated>${token}`;
    response.writeHead(200).end(`<ListBucketResult>${body}</ListBucketResult>`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Get {
  readonly key: string;
  readonly fault: S3Fault | undefined;
}

interface Put extends Get {
  readonly body: Buffer;
}
