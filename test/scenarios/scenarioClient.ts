import { createHmac } from 'node:crypto';
import { request as httpsRequest } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly body: unknown;
}

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** One request over TLS; every name leads to this machine. */
export const send = ({ method, url, headers = {}, body }: Asked, ca: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const address = { host: '127.0.0.1', port: url.port, servername: url.hostname, path: url.pathname + url.search };
    const all = { ...headers, host: url.host };
    const sent = httpsRequest({ ...address, method, headers: all, ca }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        const { statusCode: status = 0, headers: got } = response;
        resolve({ status, headers: got, bytes, body: bodyOf(bytes, got['content-type'] ?? '') });
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });

const bodyOf = (bytes: Buffer, contentType: string): unknown => {
  if (bytes.length === 0) return undefined;
  if (/json/.test(contentType)) return JSON.parse(bytes.toString()) as unknown;
  return /octet-stream/.test(contentType) ? `${bytes.length} bytes` : bytes.toString();
};

/** The headers of a request to a blob endpoint that is signed with an account's key, as Azure Storage's Shared Key. */
export function signed(asked: Asked, key: string, nowMs: number): Readonly<Record<string, string>> {
  const [account = ''] = asked.url.hostname.split('.');
  const headers: Record<string, string> = {
    'x-ms-date': new Date(nowMs).toUTCString(),
    'x-ms-version': '2023-11-03',
    ...asked.headers,
  };
  const canonical = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');
  const query = [...asked.url.searchParams]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `\n${name}:${value}`)
    .join('');
  const length = asked.body ? String(Buffer.byteLength(asked.body)) : '';
  const plain = [asked.method, '', '', length, '', headers['content-type'] ?? '', '', '', '', '', '', ''];
  const text = `${plain.join('\n')}\n${canonical}/${account}${asked.url.pathname}${query}`;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  return { ...headers, authorization: `SharedKey ${account}:${signature}` };
}
