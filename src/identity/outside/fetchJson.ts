import { request } from 'node:https';

const TIMEOUT_MS = 5000;
const MAX_BYTES = 262_144;

/** GET of a JSON document over https: no redirects, bounded in time and size. Errors: any of the network's. */
export const fetchJson = (url: string, ca: string | undefined): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const headers = { accept: 'application/json' };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request(url, { headers, signal, agent: false, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > MAX_BYTES) sent.destroy(new Error(`${url} answers more than ${MAX_BYTES} bytes`));
        else parts.push(part);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${url} answers ${response.statusCode}`));
        else resolve(parse(Buffer.concat(parts).toString('utf8'), url));
      });
    });
    sent.on('error', reject);
    sent.end();
  }).then((value) => (value instanceof Error ? Promise.reject(value) : value));

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return new Error(`${url} answers no JSON`, { cause: error });
  }
}
