import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { CodedError } from '../../lib/error.ts';

const SOCKETS = 64;

/** Connections to an endpoint, kept open between requests. Errors: StorePlaceUnsuitable (no readable `caFile`). */
export const agentOf = async (spec: { readonly endpoint: string; readonly caFile?: string }): Promise<HttpAgent> => {
  const { endpoint, caFile } = spec;
  const sockets = { keepAlive: true, maxSockets: SOCKETS };
  if (!endpoint.startsWith('https:')) return new HttpAgent(sockets);
  return new HttpsAgent({ ...sockets, ...(caFile !== undefined && { ca: await readCa(caFile, endpoint) }) });
};

const readCa = (caFile: string, endpoint: string): Promise<Buffer> =>
  readFile(caFile).catch((cause: unknown) => {
    throw new CodedError(
      'StorePlaceUnsuitable',
      `The caFile ${caFile} of ${endpoint} cannot be read: ${String(cause)}`,
      {
        target: 'caFile',
        recommendations: ["Put the certificate of the endpoint's authority there, in PEM."],
        cause,
      },
    );
  });
