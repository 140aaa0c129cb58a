import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { type Route, type RouteTable, route } from '../../arm/route.ts';
import { type ArmResource, putArmResource } from '../../db/armResources.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { STORAGE_VERSIONS } from '../apiVersions.ts';
import type { Services } from '../services.ts';
import { findStorageAccount, STORAGE_ACCOUNTS } from '../storageAccount.ts';
import { requireTracked, trackedResource, trackedToWire } from '../trackedResource.ts';
import { STORAGE_ACCOUNT_BODY, storageAccountContent } from './storageAccountBody.ts';

/** Staging places of restores, each with its blob endpoint. */
export const storageAccounts = (services: Services): RouteTable =>
  trackedResource(services, {
    type: STORAGE_ACCOUNTS,
    one: 'a storage account',
    many: 'storage accounts',
    apiVersions: STORAGE_VERSIONS,
    body: STORAGE_ACCOUNT_BODY,
    createdStatus: 200,
    patch: 'properties',
    async beforePut({ name, before }) {
      if (before) return;
      requireAccountName(name);
      // whatever was left of an account of that name before is not the new owner's to see
      if (!(await nameIsTaken(services, name))) await services.storage.removeData(name.toLowerCase());
    },
    async complete(put, tx) {
      if (!put.before) await requireFreeName(services, put.name, tx);
      return {
        ...storageAccountContent(put, services.clock.now()),
        secret: put.before?.secret ?? { key1: newKey(), key2: newKey() },
      };
    },
    beforeDelete: ({ name }) => services.storage.removeData(name),
    show: (account) => storageAccountToWire(services, account),
    more: (path) => keyRoutes(services, path),
  });

/** Whether an account of that name is anywhere on this server. */
export async function nameIsTaken(services: Services, name: string, queries = services.db.queries): Promise<boolean> {
  return (await findStorageAccount(services, name, queries)) !== undefined;
}

/** Errors: AccountNameInvalid. */
export function requireAccountName(name: string): void {
  if (/^[a-z0-9]{3,24}$/.test(name)) return;
  throw new CodedError(
    'AccountNameInvalid',
    `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
    { target: 'accountName' },
  );
}

export const takenMessage = (name: string): string => `The storage account named ${name} is already taken.`;

async function requireFreeName(services: Services, name: string, tx: Services['db']['queries']): Promise<void> {
  if (await nameIsTaken(services, name, tx))
    throw new CodedError('StorageAccountAlreadyTaken', takenMessage(name), { target: 'accountName' });
}

const KEY_NAMES = ['key1', 'key2'] as const;

const keyRoutes = (services: Services, path: string): Route[] => [
  route({
    method: 'POST',
    path: `${path}/listKeys`,
    action: `${STORAGE_ACCOUNTS}/listKeys/action`,
    summary: 'Lists the keys of a storage account.',
    query: Type.Object({ $expand: Type.Optional(Type.String()) }),
    handler: async ({ params }) => ok(keysToWire(await requireTracked(services, STORAGE_ACCOUNTS, params))),
  }),
  route({
    method: 'POST',
    path: `${path}/regenerateKey`,
    action: `${STORAGE_ACCOUNTS}/regeneratekey/action`,
    summary: 'Makes one of the keys of a storage account anew; the old one opens nothing from then on.',
    body: Type.Object({ keyName: Type.Enum([...KEY_NAMES]) }),
    handler: ({ params, body }) =>
      services.db.transaction(async (tx) => {
        const account = await requireTracked(services, STORAGE_ACCOUNTS, params, tx);
        const now = services.clock.now();
        const keyCreationTime = { ...(account.properties.keyCreationTime as object), [body.keyName]: isoTime(now) };
        const after: ArmResource = {
          ...account,
          secret: { ...account.secret, [body.keyName]: newKey() },
          properties: { ...account.properties, keyCreationTime },
          updatedAt: now,
        };
        await putArmResource(tx, after);
        return ok(keysToWire(after));
      }),
  }),
];

const keysToWire = ({ secret, properties }: ArmResource) => ({
  keys: KEY_NAMES.map((keyName) => ({
    keyName,
    value: secret?.[keyName],
    permissions: 'FULL',
    creationTime: (properties.keyCreationTime as Record<string, string> | undefined)?.[keyName],
  })),
});

const storageAccountToWire = ({ storage }: Services, account: ArmResource): unknown => ({
  ...trackedToWire(account),
  properties: { ...account.properties, primaryEndpoints: { blob: storage.endpointOf(account.name) } },
});

const newKey = (): string => randomBytes(64).toString('base64');
