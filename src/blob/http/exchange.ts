import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import type { Blob, BlobContainer, BlobPlace } from '../blob.ts';
import type { BlobStore } from '../blobStore.ts';
import type { BlobAddress } from './address.ts';
import type { Stamped } from './conditions.ts';
import { StorageError } from './storageError.ts';
import { xmlDocument } from './xml.ts';

/** One request to the endpoint, admitted, and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly address: BlobAddress;
  readonly store: BlobStore;
  readonly clock: Clock;
}

/** A query parameter's value. */
export const parameter = ({ address }: Exchange, name: string): string | undefined => address.query.get(name)?.[0];

export const header = ({ request }: Exchange, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
};

/** Errors: ContainerNotFound, InvalidUri. */
export function requireContainer({ address, store }: Exchange): BlobContainer {
  const container = address.container === undefined ? undefined : store.container(address.account, address.container);
  if (container) return container;
  throw new StorageError('ContainerNotFound', 'The specified container does not exist.');
}

/** Errors: ContainerNotFound, InvalidUri. */
export function blobPlace(exchange: Exchange): BlobPlace {
  const { account, container, blob } = exchange.address;
  requireContainer(exchange);
  if (container !== undefined && blob !== undefined) return { account, container, name: blob };
  throw new StorageError('InvalidUri', 'The requested URI names no blob.');
}

/** Errors: ContainerNotFound, BlobNotFound, InvalidUri. */
export function requireBlob(exchange: Exchange): Blob {
  const blob = exchange.store.blob(blobPlace(exchange));
  if (blob) return blob;
  throw blobNotFound();
}

export const blobNotFound = (): StorageError => new StorageError('BlobNotFound', 'The specified blob does not exist.');

/** Answers without a body. */
export function answer({ response }: Exchange, status: number, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { 'content-length': 0, ...headers });
  response.end();
}

export function answerXml({ request, response }: Exchange, body: string): void {
  const bytes = Buffer.from(xmlDocument(body));
  response.writeHead(200, { 'content-type': 'application/xml', 'content-length': bytes.length });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

export const stampHeaders = ({ etag, modifiedAt }: Stamped): OutgoingHttpHeaders => ({
  etag,
  'last-modified': httpDate(modifiedAt),
});

export const httpDate = (ms: number): string => new Date(ms).toUTCString();

const METADATA_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `x-ms-meta-*` of the request. Errors: InvalidMetadata. */
export function metadataOf({ request }: Exchange): Readonly<Record<string, string>> {
  const found = Object.entries(request.headers).filter(([name]) => name.startsWith('x-ms-meta-'));
  const metadata = Object.fromEntries(found.map(([name, value]) => [name.slice('x-ms-meta-'.length), String(value)]));
  if (Object.keys(metadata).every((name) => METADATA_NAME.test(name))) return metadata;
  throw new StorageError(
    'InvalidMetadata',
    'The name of a metadata value must be an identifier: letters, digits and _.',
  );
}

export const metadataHeaders = (metadata: Readonly<Record<string, string>>): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-ms-meta-${name}`, value]));
