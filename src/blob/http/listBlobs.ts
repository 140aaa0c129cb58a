import type { Blob } from '../blob.ts';
import { maxResults, metadataElement } from './containers.ts';
import { answerXml, type Exchange, httpDate, parameter, requireContainer } from './exchange.ts';
import { element, textElement, xmlText } from './xml.ts';

const HEADER_ELEMENTS = [
  ['Content-Type', 'content-type'],
  ['Content-Encoding', 'content-encoding'],
  ['Content-Language', 'content-language'],
  ['Content-MD5', 'content-md5'],
  ['Cache-Control', 'cache-control'],
  ['Content-Disposition', 'content-disposition'],
] as const;

export function listBlobs(exchange: Exchange): void {
  const { account, name: container } = requireContainer(exchange);
  const limit = maxResults(exchange);
  const [prefix, delimiter] = [parameter(exchange, 'prefix') ?? '', parameter(exchange, 'delimiter') ?? ''];
  const marker = parameter(exchange, 'marker') ?? '';
  const from = Buffer.from(marker, 'base64url').toString();
  const { entries, next } = exchange.store.blobs(account, container, { prefix, delimiter, from, limit });
  const withMetadata = (parameter(exchange, 'include') ?? '').split(',').includes('metadata');
  const listed = entries.map((entry) =>
    'prefix' in entry
      ? element('BlobPrefix', textElement('Name', entry.prefix))
      : element('Blob', blobElements(entry) + (withMetadata ? metadataElement(entry.metadata) : '')),
  );
  const body =
    textElement('Prefix', prefix) +
    textElement('Marker', marker) +
    textElement('MaxResults', limit) +
    (delimiter === '' ? '' : textElement('Delimiter', delimiter)) +
    element('Blobs', listed.join('')) +
    textElement('NextMarker', next === undefined ? '' : Buffer.from(next).toString('base64url'));
  answerXml(exchange, `<EnumerationResults ContainerName="${xmlText(container)}">${body}</EnumerationResults>`);
}

function blobElements(blob: Blob): string {
  const properties = [
    textElement('Creation-Time', httpDate(blob.createdAt)),
    textElement('Last-Modified', httpDate(blob.modifiedAt)),
    textElement('Etag', blob.etag.replaceAll('"', '')),
    textElement('Content-Length', blob.sizeBytes),
    ...HEADER_ELEMENTS.map(([name, header]) => textElement(name, blob.headers[header] ?? '')),
    ...(blob.kind === 'PageBlob' ? ['<x-ms-blob-sequence-number>0</x-ms-blob-sequence-number>'] : []),
    textElement('BlobType', blob.kind),
    '<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>false</ServerEncrypted>',
  ];
  return textElement('Name', blob.name) + element('Properties', properties.join(''));
}
