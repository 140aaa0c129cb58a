import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Azurite } from '../servers/azurite.ts';

/** What the account's owner does without a store's rules. */
export interface AzureContainer {
  create(): Promise<void>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

export const azureContainer = ({ endpoint, accountName, accountKey }: Azurite, name: string): AzureContainer => {
  const client = new ContainerClient(`${endpoint}/${name}`, new StorageSharedKeyCredential(accountName, accountKey));
  return {
    create: async () => void (await client.create()),
    put: async (key, bytes) => void (await client.getBlockBlobClient(key).upload(bytes, bytes.length)),
  };
};
