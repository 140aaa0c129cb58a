import type { Services } from './api/services.ts';
import { findStorageAccount } from './api/storageAccount.ts';
import type { Authenticate, Authorize } from './arm/principal.ts';
import { blobEndpoint } from './blob/blobEndpoint.ts';
import type { BlobStore } from './blob/blobStore.ts';
import type { Config } from './config.ts';

type EndpointConfig = Pick<Config, 'host' | 'port' | 'baseUrl' | 'blobEndpoint'>;

/** Where the blobs of an account are, by the server's configuration; with a slash at its end. */
export const blobUrl = ({ host, port, baseUrl, blobEndpoint: style }: EndpointConfig, account: string): string =>
  style === 'path' ? `${baseUrl}/blob/${account}/` : `https://${account}.blob.${host}:${port}/`;

/** The names that the server's certificate needs besides the usual ones. */
export const certificateNames = ({ host }: EndpointConfig): readonly string[] => {
  if (host === 'localhost') return [];
  return /^[\d.]+$/.test(host) ? [host] : [host, `*.blob.${host}`];
};

/** The data plane of the storage accounts, for the listener that the control plane has. */
export function blobPlane(options: {
  readonly config: Config;
  readonly store: BlobStore;
  readonly services: Services;
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
}): ReturnType<typeof blobEndpoint> {
  const { config, store, services, authenticate, authorize } = options;
  return blobEndpoint({
    store,
    host: config.host,
    clock: services.clock,
    log: services.log,
    requestsPerMinute: config.requestsPerMinute,
    authorizationUri: `${config.baseUrl}/${services.config.tenantId}`,
    accounts: {
      find: async (name) => {
        const account = await findStorageAccount(services, name);
        if (!account) return undefined;
        const keys = account.properties.allowSharedKeyAccess === false ? [] : Object.values(account.secret ?? {});
        return { id: account.id, keys };
      },
      bearerMay: async (authorization, action, scope) => authorize(await authenticate(authorization), action, scope),
    },
  });
}
