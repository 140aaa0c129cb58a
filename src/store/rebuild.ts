import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncPath, writeFileDurably } from '../lib/durableFile.ts';
import { CodedError, isSystemError } from '../lib/error.ts';
import { assertSoundSqlite } from '../lib/sqliteFile.ts';
import { type DatabaseCopy, listDatabaseCopies, openDatabaseCopy } from './databaseCopies.ts';
import type { Store } from './store.ts';

/** A copy that was opened and found sound, in the store of which vault it lies. */
export interface GoodCopy {
  readonly vaultId: string;
  readonly name: string;
  /** ms. */
  readonly takenAt: number;
}

/** A newer copy that cannot be used, and why. */
export interface BadCopy {
  readonly name: string;
  readonly why: string;
}

/**
 * What a rebuild leaves for the next start of the server, in the file `rebuild.json` of the data folder: each vault is
 * reconciled with its store, and made first where the database does not know it.
 */
export interface RebuildRequest {
  /** ms. */
  readonly at: number;
  /** The copy that was put in place of the database; absent: there was none, the catalogue begins empty. */
  readonly database?: GoodCopy;
  readonly vaults: readonly { readonly vaultId: string; readonly name: string; readonly resourceGroup: string }[];
  /** Of the lost database, as client.json has them. */
  readonly subscriptionId?: string;
  readonly tenantId?: string;
}

export const REBUILD_FILE = 'rebuild.json';

/**
 * Writes the newest copy that is whole, of all these stores, to `target`; a damaged one gives way to the next older.
 * Errors: StoreKeyWrong, StoreIoFailed.
 */
export const newestGoodDatabase = async (
  stores: readonly Store[],
  target: string,
  signal?: AbortSignal,
): Promise<{ readonly good?: GoodCopy; readonly bad: readonly BadCopy[] }> => {
  const bad: BadCopy[] = [];
  const all: { readonly store: Store; readonly copy: DatabaseCopy }[] = [];
  for (const store of stores)
    for (const copy of (await listDatabaseCopies(store.backend)).copies) all.push({ store, copy });
  all.sort((a, b) => b.copy.takenAt - a.copy.takenAt);
  for (const { store, copy } of all) {
    signal?.throwIfAborted();
    try {
      await openDatabaseCopy(store, copy.name, target, signal);
      assertSoundSqlite(target);
      return { good: { vaultId: store.vaultId, name: copy.name, takenAt: copy.takenAt }, bad };
    } catch (error) {
      if (!(error instanceof CodedError) || !DAMAGES.has(error.code)) throw error;
      bad.push({ name: copy.name, why: error.message });
    }
  }
  await rm(target, { force: true });
  return { bad };
};

const DAMAGES = new Set(['StoreDataDamaged', 'StoreObjectMissing', 'StoreFormatUnknown', 'DatabaseDamaged']);

export const writeRebuildRequest = (file: string, request: RebuildRequest): Promise<void> =>
  writeFileDurably(file, `${JSON.stringify(request, undefined, 2)}\n`);

/** Undefined: nothing was asked for. */
export const readRebuildRequest = async (file: string): Promise<RebuildRequest | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RebuildRequest;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
};

export const removeRebuildRequest = async (file: string): Promise<void> => {
  await rm(file, { force: true });
  await syncPath(dirname(file));
};
