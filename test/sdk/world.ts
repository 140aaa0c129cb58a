import assert from 'node:assert/strict';
import type { RecoveryServicesClient } from '@azure/arm-recoveryservices';
import type { RecoveryServicesBackupClient } from '@azure/arm-recoveryservicesbackup';
import { GROUP as GROUP_ID } from '../../src/api/testing/paths.ts';
import type { TestServer } from '../../src/api/testing/testServer.ts';
import { listening } from './clients.ts';
import { operationsOf, recorded } from './recorder.ts';

export const [GROUP, VAULT, FABRIC, REGION] = ['Shop', 'safe', 'Azure', 'westeurope'] as const;
export const CONTAINER = 'IaasVMContainer;iaasvmcontainerv2;Shop;web01';
export const ITEM = 'VM;iaasvmcontainerv2;Shop;web01';
export const GUARD = `${GROUP_ID}/providers/Microsoft.DataProtection/resourceGuards/keeper`;
export const ACCOUNT = `${GROUP_ID}/providers/Microsoft.Storage/storageAccounts/staging01`;

/** The official clients, each operation that is called of them noted. */
export interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly vaults: RecoveryServicesClient;
  readonly backup: RecoveryServicesBackupClient;
  /** Operations that both packages offer. */
  readonly offered: readonly string[];
  /** Those that nothing has called yet. */
  uncalled(): readonly string[];
}

export async function openWorld(): Promise<World> {
  const clients = await listening();
  const { server, vaults, backup } = clients;
  const called = new Set<string>();
  const offered = [
    ...[...operationsOf(vaults)].map((name) => `vaults ${name}`),
    ...[...operationsOf(backup)].map((name) => `backup ${name}`),
  ];
  return {
    server,
    vaults: recorded(vaults, (name) => called.add(`vaults ${name}`)),
    backup: recorded(backup, (name) => called.add(`backup ${name}`)),
    offered,
    uncalled: () => offered.filter((name) => !called.has(name)),
    [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose](),
  };
}

interface Response {
  readonly headers: { get(name: string): string | undefined };
}

/** Options that note the operation an answer sends its client to poll. */
export function polled(): { readonly options: { onResponse(response: Response): void }; id(): string } {
  let id = '';
  return {
    options: {
      onResponse({ headers }) {
        const target = headers.get('azure-asyncoperation') ?? headers.get('location');
        id = target?.split('?')[0]?.split('/').at(-1) ?? id;
      },
    },
    id() {
      assert.notEqual(id, '', 'nothing was to be polled');
      return id;
    },
  };
}

export const all = <T>(pages: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(pages);
export const names = async (pages: AsyncIterable<{ name?: string }>): Promise<(string | undefined)[]> =>
  (await all(pages)).map(({ name }) => name);

/** What this server does not have says so, by the same code everywhere. */
export const notServed = (asked: Promise<unknown>): Promise<void> =>
  assert.rejects(asked, (error: { statusCode?: number; code?: string; message?: string }) => {
    assert.deepEqual([error.statusCode, error.code], [501, 'NotImplemented'], String(error.message));
    return true;
  });
