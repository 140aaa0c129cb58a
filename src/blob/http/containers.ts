import { checkWriteConditions } from './conditions.ts';
import {
  answer,
  answerXml,
  type Exchange,
  httpDate,
  metadataHeaders,
  metadataOf,
  parameter,
  requireContainer,
  stampHeaders,
} from './exchange.ts';
import { StorageError } from './storageError.ts';
import { element, textElement } from './xml.ts';

export async function createContainer(exchange: Exchange): Promise<void> {
  const { account, container = '' } = exchange.address;
  const made = await exchange.store.createContainer(account, container, metadataOf(exchange));
  if (!made) throw new StorageError('ContainerAlreadyExists', 'The specified container already exists.');
  answer(exchange, 201, stampHeaders(made));
}

export function getContainer(exchange: Exchange): void {
  const container = requireContainer(exchange);
  answer(exchange, 200, {
    ...stampHeaders(container),
    ...metadataHeaders(container.metadata),
    'x-ms-lease-status': 'unlocked',
    'x-ms-lease-state': 'available',
    'x-ms-has-immutability-policy': 'false',
    'x-ms-has-legal-hold': 'false',
  });
}

export function setContainerMetadata(exchange: Exchange): void {
  const { account, name } = requireContainer(exchange);
  exchange.store.setContainerMetadata(account, name, metadataOf(exchange));
  answer(exchange, 200, stampHeaders(requireContainer(exchange)));
}

/** Nobody may read without a key: there are no policies, and the list of them is empty. */
export function getContainerAcl(exchange: Exchange): void {
  requireContainer(exchange);
  answerXml(exchange, '<SignedIdentifiers/>');
}

export async function deleteContainer(exchange: Exchange): Promise<void> {
  const container = requireContainer(exchange);
  checkWriteConditions(exchange.request.headers, container);
  await exchange.store.deleteContainer(container.account, container.name);
  answer(exchange, 202);
}

export function listContainers(exchange: Exchange): void {
  const { account } = exchange.address;
  const limit = maxResults(exchange);
  const [prefix, marker] = [parameter(exchange, 'prefix') ?? '', parameter(exchange, 'marker') ?? ''];
  const found = exchange.store.containers(account, { prefix, from: marker, limit: limit + 1 });
  const withMetadata = (parameter(exchange, 'include') ?? '').split(',').includes('metadata');
  const containers = found.slice(0, limit).map((container) => {
    const properties =
      textElement('Last-Modified', httpDate(container.modifiedAt)) +
      textElement('Etag', container.etag) +
      '<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold>';
    const metadata = withMetadata ? metadataElement(container.metadata) : '';
    return element('Container', textElement('Name', container.name) + element('Properties', properties) + metadata);
  });
  const body =
    textElement('Prefix', prefix) +
    textElement('Marker', marker) +
    textElement('MaxResults', limit) +
    element('Containers', containers.join('')) +
    textElement('NextMarker', found[limit]?.name ?? '');
  answerXml(exchange, `<EnumerationResults>${body}</EnumerationResults>`);
}

/** Errors: OutOfRangeInput. */
export function maxResults(exchange: Exchange): number {
  const wanted = parameter(exchange, 'maxresults') ?? '5000';
  if (/^\d{1,9}$/.test(wanted) && Number(wanted) > 0) return Math.min(5000, Number(wanted));
  throw new StorageError('OutOfRangeInput', 'maxresults must be a whole number of at least 1.');
}

export const metadataElement = (metadata: Readonly<Record<string, string>>): string =>
  element(
    'Metadata',
    Object.entries(metadata)
      .map(([name, value]) => textElement(name, value))
      .join(''),
  );
