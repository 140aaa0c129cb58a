import type { ArmContext } from '../../arm/route.ts';
import { findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { sameName } from '../ids.ts';
import type { Services } from '../services.ts';

const FIELD = 'properties.creationData.sourceUri';

/**
 * The file of a VHD in one of the server's own storage accounts, which the caller may read.
 * Errors: InvalidParameter, AuthorizationFailed.
 */
export async function importedFile(
  services: Services,
  context: Pick<ArmContext, 'demand'>,
  { sourceUri, storageAccountId }: Readonly<Record<string, unknown>>,
): Promise<{ readonly path: string; readonly format: 'vhd' }> {
  const accountId = String(storageAccountId ?? '');
  const account = await findArmResource(services.db.queries, accountId);
  if (!account || !sameName(account.type, 'Microsoft.Storage/storageAccounts'))
    throw invalid('properties.creationData.storageAccountId', 'must be the id of a storage account of this server');
  // whoever may have the account's keys may read its blobs
  await context.demand('Microsoft.Storage/storageAccounts/listKeys/action', account.id);
  const endpoint = services.storage.endpointOf(account.name);
  const uri = String(sourceUri ?? '').split('?')[0] ?? '';
  if (!uri.toLowerCase().startsWith(endpoint.toLowerCase())) throw invalid(FIELD, `must begin with ${endpoint}`);
  const [container = '', ...names] = uri.slice(endpoint.length).split('/').map(decoded);
  const path = services.storage.fileOf({ account: account.name.toLowerCase(), container, name: names.join('/') });
  if (path !== undefined) return { path, format: 'vhd' };
  throw invalid(FIELD, `names no blob: there is none at '${uri.slice(0, 512)}'`);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new CodedError('InvalidParameter', `'${FIELD}' is not percent-encoded UTF-8.`, { target: FIELD, cause });
  }
}

const invalid = (field: string, rule: string): CodedError =>
  new CodedError('InvalidParameter', `'${field}' ${rule}.`, { target: field });
