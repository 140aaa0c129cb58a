import {
  createContainer,
  deleteContainer,
  getContainer,
  getContainerAcl,
  listContainers,
  setContainerMetadata,
} from './containers.ts';
import { answer, type Exchange } from './exchange.ts';
import { listBlobs } from './listBlobs.ts';
import { getPageRanges, putPage, putPageBlob, resizePageBlob } from './pageBlob.ts';
import { getBlob, headBlob } from './readBlob.ts';
import type { SasNeed } from './sas.ts';
import { StorageError } from './storageError.ts';
import {
  deleteBlob,
  getBlockList,
  putBlock,
  putBlockBlob,
  putBlockList,
  setBlobMetadata,
  setBlobProperties,
} from './writeBlob.ts';

/** What a request asks for, and what one needs to be let do it. */
export interface Operation {
  readonly sas: SasNeed;
  /** For bearer tokens: below 'Microsoft.Storage/storageAccounts/blobServices/containers'. */
  readonly action: 'read' | 'write' | 'delete' | 'blobs/read' | 'blobs/write' | 'blobs/delete';
  run(exchange: Exchange): Promise<void> | void;
}

const operation = (sas: string, action: Operation['action'], run: Operation['run']): Operation => ({
  sas: { resourceType: sas[0] as 's', permissions: sas.slice(2) },
  action,
  run,
});

const accountInformation = (exchange: Exchange): void =>
  answer(exchange, 200, { 'x-ms-sku-name': 'Standard_LRS', 'x-ms-account-kind': 'StorageV2' });

/** By level (s service, c container, o blob), verb, restype and comp. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  's GET  list': operation('s l', 'read', listContainers),
  's GET account properties': operation('s rwdlac', 'read', accountInformation),
  's HEAD account properties': operation('s rwdlac', 'read', accountInformation),
  'c PUT container ': operation('c cw', 'write', createContainer),
  'c GET container ': operation('c rl', 'read', getContainer),
  'c HEAD container ': operation('c rl', 'read', getContainer),
  'c DELETE container ': operation('c d', 'delete', deleteContainer),
  'c PUT container metadata': operation('c w', 'write', setContainerMetadata),
  'c GET container metadata': operation('c rl', 'read', getContainer),
  'c HEAD container metadata': operation('c rl', 'read', getContainer),
  'c GET container acl': operation('c rl', 'read', getContainerAcl),
  'c GET container list': operation('c l', 'blobs/read', listBlobs),
  'o GET  ': operation('o r', 'blobs/read', getBlob),
  'o HEAD  ': operation('o r', 'blobs/read', headBlob),
  'o GET  metadata': operation('o r', 'blobs/read', headBlob),
  'o HEAD  metadata': operation('o r', 'blobs/read', headBlob),
  'o GET  pagelist': operation('o r', 'blobs/read', getPageRanges),
  'o GET  blocklist': operation('o r', 'blobs/read', getBlockList),
  'o DELETE  ': operation('o d', 'blobs/delete', deleteBlob),
  'o PUT  block': operation('o cw', 'blobs/write', putBlock),
  'o PUT  blocklist': operation('o cw', 'blobs/write', putBlockList),
  'o PUT  page': operation('o w', 'blobs/write', putPage),
  'o PUT  metadata': operation('o w', 'blobs/write', setBlobMetadata),
  'o PUT  properties': operation('o w', 'blobs/write', (exchange) =>
    exchange.request.headers['x-ms-blob-content-length'] === undefined
      ? setBlobProperties(exchange)
      : resizePageBlob(exchange),
  ),
  'o PUT  ': operation('o cw', 'blobs/write', putBlob),
};

/** Errors: UnsupportedHttpVerb, UnsupportedQueryParameter. */
export function operationOf({ address, request }: Pick<Exchange, 'address' | 'request'>): Operation {
  const level = address.container === undefined ? 's' : address.blob === undefined ? 'c' : 'o';
  const value = (name: string) => (address.query.get(name)?.[0] ?? '').toLowerCase();
  for (const name of ['snapshot', 'versionid'])
    if (value(name) !== '')
      throw new StorageError(
        'UnsupportedQueryParameter',
        `There are no snapshots and versions of blobs here (${name}).`,
      );
  const found = OPERATIONS[`${level} ${request.method} ${value('restype')} ${value('comp')}`];
  if (found) return found;
  if (!['GET', 'HEAD', 'PUT', 'DELETE'].includes(request.method ?? ''))
    throw new StorageError('UnsupportedHttpVerb', 'The resource does not support the specified HTTP verb.');
  throw new StorageError(
    'UnsupportedQueryParameter',
    `This blob endpoint does not serve ${request.method} with restype '${value('restype')}' and comp '${value('comp')}' here; docs/staging-accounts.md tells what it does.`,
  );
}

function putBlob(exchange: Exchange): Promise<void> {
  const { headers } = exchange.request;
  if (headers['x-ms-copy-source'] !== undefined)
    throw new StorageError('NotImplemented', 'Copies from a URL are not made here: download and upload the blob.');
  if (headers['x-ms-blob-type'] === 'BlockBlob') return putBlockBlob(exchange);
  if (headers['x-ms-blob-type'] === 'PageBlob') return putPageBlob(exchange);
  throw new StorageError('InvalidHeaderValue', "x-ms-blob-type must be 'BlockBlob' or 'PageBlob'.");
}
