import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestAuthority } from './authority.ts';

export const SUBSCRIPTION = '5f2c9d1e-0000-4000-8000-00000000a001';
export const CLIENT_ID = '11111111-2222-4333-8444-555555555555';
export const SECRET = 'correct+horse/battery=staple';
export const TOKEN = 'token-of-the-test';

export interface FakeRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Ends the connection without an answer. */
  readonly drop?: boolean;
}

type Route = (request: FakeRequest) => FakeAnswer;

/** A server that speaks TLS, gives tokens, and answers what a test tells it to; anything else is a 404. */
export interface FakeArm extends AsyncDisposable {
  readonly endpoint: string;
  /** Its client.json. */
  readonly clientFile: string;
  readonly folder: string;
  /** `METHOD /path` lines in the order they came, without the token requests. */
  readonly seen: string[];
  readonly requests: FakeRequest[];
  /** Secrets that were sent to get a token. */
  readonly secrets: string[];
  /** Answers in turn, the last one for ever. Paths are compared without case. */
  on(method: string, path: string, ...answers: (FakeAnswer | Route)[]): void;
}

export async function startFakeArm(): Promise<FakeArm> {
  const authority = await createTestAuthority();
  const routes = new Map<string, (FakeAnswer | Route)[]>();
  const requests: FakeRequest[] = [];
  const seen: string[] = [];
  const secrets: string[] = [];
  const server = createServer({ cert: authority.cert, key: authority.key }, (incoming, outgoing) => {
    const parts: Uint8Array[] = [];
    incoming.on('data', (part: Uint8Array) => parts.push(part));
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'https://localhost');
      const answer = answerTo(incoming, url, Buffer.concat(parts).toString());
      if (answer.drop) return void outgoing.destroy();
      outgoing.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
      outgoing.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
    });
  });

  function answerTo(incoming: IncomingMessage, url: URL, text: string): FakeAnswer {
    if (url.pathname === '/adfs/oauth2/token') {
      const secret = new URLSearchParams(text).get('client_secret') ?? '';
      secrets.push(secret);
      const body = { token_type: 'Bearer', expires_in: 3600, access_token: TOKEN };
      const refused = { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' };
      return secret === SECRET ? { body } : { status: 401, body: refused };
    }
    const path = decodeURIComponent(url.pathname);
    const method = incoming.method ?? '';
    const request = { method, url, headers: incoming.headers, body: text === '' ? undefined : JSON.parse(text) };
    requests.push(request);
    seen.push(`${method} ${path}`);
    if (incoming.headers.authorization !== `Bearer ${TOKEN}`) {
      return { status: 401, body: { error: { code: 'InvalidAuthenticationToken', message: 'No good token.' } } };
    }
    const answers = routes.get(`${method} ${path}`.toLowerCase());
    const answer = answers && answers.length > 1 ? answers.shift() : answers?.[0];
    if (answer === undefined) {
      const message = `The Resource '${path}' was not found.`;
      return { status: 404, body: { error: { code: 'ResourceNotFound', message } } };
    }
    return typeof answer === 'function' ? answer(request) : answer;
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-cli-'));
  await writeFile(join(folder, 'ca.pem'), authority.ca);
  const clientFile = join(folder, 'client.json');
  const client = { endpoint, caFile: 'ca.pem', tenantId: 'adfs', clientId: CLIENT_ID, clientSecret: SECRET };
  await writeFile(clientFile, JSON.stringify({ ...client, subscriptionId: SUBSCRIPTION }));
  await chmod(clientFile, 0o600);
  return {
    endpoint,
    clientFile,
    folder,
    seen,
    requests,
    secrets,
    on: (method, path, ...answers) => void routes.set(`${method} ${path}`.toLowerCase(), answers),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
