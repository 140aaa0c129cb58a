import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CodedError } from '../lib/error.ts';
import type { Terminal } from './terminal.ts';
import { readUserText } from './userFile.ts';

/** The file a server writes for its clients: where it is, how it is known, and as whom one signs in. */
export interface ClientConfig {
  /** Origin of the server, https, without a trailing slash. */
  readonly endpoint: string;
  /** Certificate authority of the server, PEM; undefined: the system's own. */
  readonly ca: string | undefined;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly subscriptionId: string;
  /** Where it was read. */
  readonly file: string;
  /** Others than the owner can read the secret. */
  readonly readableByOthers: boolean;
}

const TEXT_FIELDS = ['endpoint', 'tenantId', 'clientId', 'clientSecret', 'subscriptionId'] as const;

/** Reads the client file: `--client`, STRONGROOM_CLIENT, $STRONGROOM_DATA/client.json, ./data/client.json. */
export async function readClientConfig(option: string | undefined, terminal: Terminal): Promise<ClientConfig> {
  const file = clientFile(option, terminal);
  const fields = parseFields(await readText(file, 'The client file'), file);
  const caFile = fields.caFile;
  if (caFile !== undefined && typeof caFile !== 'string') throw invalid(file, 'caFile must be a path');
  return {
    endpoint: endpointOf(fields.endpoint as string, file),
    ca: caFile ? await readText(resolve(dirname(file), caFile), `caFile of ${file}`) : undefined,
    tenantId: fields.tenantId as string,
    clientId: fields.clientId as string,
    clientSecret: fields.clientSecret as string,
    subscriptionId: fields.subscriptionId as string,
    file,
    readableByOthers: ((await stat(file)).mode & 0o077) !== 0,
  };
}

function clientFile(option: string | undefined, { env, cwd }: Terminal): string {
  const named = option ?? env.STRONGROOM_CLIENT;
  if (named) return resolve(cwd, named);
  return resolve(cwd, env.STRONGROOM_DATA || 'data', 'client.json');
}

const readText = (file: string, what: string): Promise<string> =>
  readUserText(
    file,
    (why) =>
      new CodedError('ClientFileInvalid', `${what} cannot be read: ${file} (${why}).`, {
        target: file,
        recommendations: ['The server writes client.json into its data folder at start; name it with --client.'],
      }),
  );

function parseFields(text: string, file: string): Record<string, unknown> {
  const fields = parseJson(text, file);
  for (const name of TEXT_FIELDS) {
    const value = fields[name];
    if (typeof value !== 'string' || value === '') throw invalid(file, `${name} must be a text that is not empty`);
  }
  return fields;
}

function parseJson(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text around the fault, which may be the secret.
    throw invalid(file, 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(file, 'it is not an object');
  return value as Record<string, unknown>;
}

function endpointOf(text: string, file: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== 'https:') throw invalid(file, 'endpoint must be an https URL, as https://localhost:8443');
  return url.href.replace(/\/+$/, '');
}

const invalid = (file: string, rule: string): CodedError =>
  new CodedError('ClientFileInvalid', `The client file ${file} is not usable: ${rule}.`, { target: file });
