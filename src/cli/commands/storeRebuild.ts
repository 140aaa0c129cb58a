import { existsSync } from 'node:fs';
import { readdir, readFile, rename } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Clock, isoTime } from '../../lib/clock.ts';
import { syncPath } from '../../lib/durableFile.ts';
import { CodedError, isSystemError } from '../../lib/error.ts';
import { claimFile } from '../../lib/exclusiveFile.ts';
import { parseKekSource, readKek } from '../../store/kek.ts';
import type { KeyEncryptionKey } from '../../store/keys.ts';
import { openBackend } from '../../store/openBackend.ts';
import { type GoodCopy, newestGoodDatabase, REBUILD_FILE, writeRebuildRequest } from '../../store/rebuild.ts';
import { openStore, type Store } from '../../store/store.ts';
import { UsageError } from '../exit.ts';
import { actLocally, type Local, type Shell } from '../shell.ts';
import { backendOf, inPlace, type KeyOptions, keyOf, type PlaceOptions } from '../storeAccess.ts';

interface RebuildOptions extends PlaceOptions, KeyOptions {
  readonly data: string;
  readonly vaultName?: string | undefined;
  readonly resourceGroup: string;
  readonly withoutCopy?: true | undefined;
  readonly replace?: true | undefined;
}

/** `strongroom store rebuild`: gives a stopped server its database back; docs/lost-database.md. */
export const rebuild = (shell: Shell) =>
  inPlace('rebuild', "Give a stopped server its lost database back, from the stores' copies of it or from nothing")
    .requiredOption('--data <folder>', "the server's data folder; without --folder and --place, all stores in it")
    .option('--key-file <file>', "the store's key; absent: as the data folder's keys/ says")
    .option('--passphrase-file <file>', 'a file that holds its passphrase, where the store has one')
    .option('--key-command <words...>', 'a program, by its absolute path, and arguments: it prints the passphrase')
    .option('--key-source <file>', "a .kek.json as the server's: it says where the key comes from")
    .option('--vault-name <name>', 'what to call a vault that no copy knows; absent: recovered-<its id>')
    .option('-g, --resource-group <name>', 'where to put such a vault', 'recovered')
    .option('--without-copy', 'use no copy of the database: begin with an empty one')
    .option('--replace', 'put aside the database that is there')
    .action(actLocally(shell, (local, options) => rebuildIn(local, options)));

async function rebuildIn(local: Local, options: RebuildOptions): Promise<unknown> {
  const data = resolve(local.terminal.cwd, options.data);
  using _claim = claimStopped(data);
  const database = join(data, 'strongroom.sqlite');
  if (existsSync(database) && !options.replace) {
    throw new CodedError('Conflict', `There is a database already: ${database}.`, {
      target: '--data',
      recommendations: ['With --replace it is put aside, and the rebuilt one takes its place.'],
    });
  }
  const stores = await openStores(local, data, options);
  if (options.vaultName !== undefined && stores.length > 1)
    throw new UsageError(`option '--vault-name <name>' names one vault; there are ${stores.length} stores`);
  const scratch = `${database}.rebuild`;
  const { good, bad } = options.withoutCopy
    ? { good: undefined, bad: [] }
    : await newestGoodDatabase(stores, scratch, local.signal);
  for (const { name, why } of bad) local.say(`WARNING: ${name} cannot be used: ${why}`);
  const vaults = stores.map(({ vaultId }) => ({
    vaultId,
    name: options.vaultName ?? `recovered-${vaultId.slice(0, 8)}`,
    resourceGroup: options.resourceGroup,
  }));
  const asked = { at: local.clock.now(), vaults, ...(await installationIds(data)) };
  await writeRebuildRequest(join(data, REBUILD_FILE), { ...asked, ...(good && { database: good }) });
  const putAside = await putInPlace(local.clock, database, good && scratch);
  return report(stores, good, putAside);
}

/** Errors: Conflict (the server runs), UsageError (no data folder). */
function claimStopped(data: string): Disposable {
  if (!existsSync(join(data, 'keys')) || !existsSync(join(data, 'stores')))
    throw new UsageError(`option '--data <folder>' names no data folder: ${data} has no keys/ and stores/`);
  const claim = claimFile(join(data, 'server.lock'));
  if (claim) return claim;
  throw new CodedError('Conflict', `A server has the data folder ${data} open.`, {
    target: '--data',
    recommendations: ['Stop the server first.'],
  });
}

async function openStores(local: Local, data: string, options: RebuildOptions): Promise<readonly Store[]> {
  if (options.place !== undefined || options.folder !== undefined) {
    const { folder = '', store = basename(resolve(local.terminal.cwd, folder)) } = options;
    return [await openStore(await backendOf(local, options), await storeKey(local, data, options, store))];
  }
  const stores: Store[] = [];
  for (const folder of await storeFolders(data))
    stores.push(
      await openStore(openBackend({ kind: 'disk', folder }), await storeKey(local, data, options, basename(folder))),
    );
  if (stores.length > 0) return stores;
  throw new UsageError(
    `there is no store in ${join(data, 'stores')}: name one with '--folder <folder>' or '--place <file>'`,
  );
}

async function storeFolders(data: string): Promise<readonly string[]> {
  const entries = await readdir(join(data, 'stores'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(data, 'stores', name));
  return folders.filter((folder) => existsSync(join(folder, 'fmt'))).sort();
}

/** The key that the options name, or the one that the data folder has for the vault. */
async function storeKey(
  local: Local,
  data: string,
  options: RebuildOptions,
  vaultId: string,
): Promise<KeyEncryptionKey> {
  const { keyFile, passphraseFile, keyCommand, keySource } = options;
  if ([keyFile, passphraseFile, keyCommand, keySource].some((given) => given !== undefined))
    return keyOf(local, options);
  const folder = join(data, 'keys');
  const ownFile = join(folder, `${vaultId}.key`);
  const name = `${vaultId}.kek.json`;
  if (!existsSync(join(folder, name))) return readKek({ kind: 'file', path: ownFile }, local.signal);
  const source = parseKekSource(await readFile(join(folder, name), 'utf8'), { name, folder, vaultId, ownFile });
  return readKek(source, local.signal);
}

/** As clients know them: with the same ids their scripts go on working. */
async function installationIds(data: string): Promise<{ subscriptionId?: string; tenantId?: string }> {
  try {
    const client = JSON.parse(await readFile(join(data, 'client.json'), 'utf8')) as Record<string, unknown>;
    const word = (name: 'subscriptionId' | 'tenantId') =>
      typeof client[name] === 'string' ? { [name]: client[name] } : {};
    return { ...word('subscriptionId'), ...word('tenantId') };
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || error instanceof SyntaxError) return {}; // the server makes new ones
    throw error;
  }
}

/** What was there is kept beside; the new database appears whole or not at all. */
async function putInPlace(clock: Clock, database: string, made: string | undefined): Promise<string | undefined> {
  const aside = `${database}.replaced-${isoTime(clock.now()).replace(/[:.]/g, '-')}`;
  const isReplaced = existsSync(database);
  for (const end of ['-wal', '-shm', ''])
    if (existsSync(`${database}${end}`)) await rename(`${database}${end}`, `${aside}${end}`);
  if (made !== undefined) await rename(made, database);
  await syncPath(join(database, '..'));
  return isReplaced ? aside : undefined;
}

const report = (stores: readonly Store[], good: GoodCopy | undefined, putAside: string | undefined): unknown => ({
  database: good ? { ...good, takenAt: isoTime(good.takenAt) } : null,
  vaults: stores.map(({ vaultId }) => vaultId),
  putAside: putAside ?? null,
  next: 'Start the server: it reconciles each vault with its store and lists every recovery point again.',
});
