import { availableParallelism } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import type { Backend } from '../store/backend.ts';
import { type KekSource, keyCommand, parseKekSource, readKek } from '../store/kek.ts';
import type { KeyEncryptionKey } from '../store/keys.ts';
import { openBackend } from '../store/openBackend.ts';
import { type CopySpec, specOf } from '../store/place.ts';
import { openKit, type RecoveryKit, readKit, rescueBackend } from '../store/recoveryKit.ts';
import type { RescueAccess } from '../store/rescue.ts';
import { UsageError } from './exit.ts';
import { leaf } from './options.ts';
import { readPlaceFile } from './placeFile.ts';
import type { Local } from './shell.ts';
import { readUserFile, readUserText } from './userFile.ts';

/** A command on a store that needs no server: where the store lies, and what opens it. */
export const onStore = (name: string, summary: string) =>
  inPlace(name, summary)
    .option('--key-file <file>', 'its key: a file of 32 bytes')
    .option('--passphrase-file <file>', 'a file that holds its passphrase, where the store has one')
    .option('--key-command <words...>', 'a program, by its absolute path, and arguments: it prints the passphrase')
    .option('--key-source <file>', "a .kek.json as the server's: it says where the key comes from")
    .option('--kit <file>', 'the recovery kit, typed or scanned: its numbered lines are enough');

export const inPlace = (name: string, summary: string) =>
  leaf(name, summary)
    .option('--folder <folder>', "the store's folder")
    .option('--place <file>', "a place of the server's storage configuration, in a file of its own")
    .option('--store <name>', "the store's name in that place: the vault's id");

export interface PlaceOptions {
  readonly folder?: string | undefined;
  readonly place?: string | undefined;
  readonly store?: string | undefined;
}

export interface KeyOptions {
  readonly keyFile?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly keyCommand?: readonly string[] | undefined;
  readonly keySource?: string | undefined;
}

export interface StoreOptions extends PlaceOptions, KeyOptions {
  readonly kit?: string | undefined;
}

/** Opens nothing yet. Errors: UsageError, those of `readKek` and of places, RecoveryKitInvalid, StoreKeyWrong. */
export async function access(local: Local, options: StoreOptions): Promise<RescueAccess> {
  const { signal } = local;
  const kit = options.kit === undefined ? undefined : readKit(await kitText(local, options.kit));
  const spec = await specFor(local, options, kit);
  const opened = { threads: { spec, workers: availableParallelism() }, signal };
  const backend = openBackend(spec);
  if (!kit) return { ...opened, backend, kek: await keyOf(local, options) };
  const kek = openKit(kit, await secretOf(local, options, kit));
  return { ...opened, backend: await rescueBackend(backend, kit, kek), kek };
}

export const kitText = ({ terminal }: Local, file: string): Promise<string> =>
  readUserText(resolve(terminal.cwd, file), unreadable(file, '--kit <file>'));

export const backendOf = async (local: Local, options: PlaceOptions, kit?: RecoveryKit): Promise<Backend> =>
  openBackend(await specFor(local, options, kit));

/** Errors: UsageError, and those of the place. */
export async function specFor({ terminal }: Local, options: PlaceOptions, kit?: RecoveryKit): Promise<CopySpec> {
  const { folder, place } = options;
  if ((folder === undefined) === (place === undefined))
    throw new UsageError("one of '--folder <folder>' and '--place <file>' must be specified");
  if (place === undefined) return { kind: 'disk', folder: resolve(terminal.cwd, folder ?? '') };
  const name = options.store ?? kit?.vaultId;
  if (name === undefined) throw new UsageError("'--place <file>' needs '--store <name>', the vault's id");
  return specOf(await readPlaceFile(place, terminal.cwd), name);
}

/** What a kit names and does not print; undefined when nothing was given. */
export const secretOf = async (
  local: Local,
  options: StoreOptions,
  kit: RecoveryKit,
): Promise<KeyEncryptionKey | undefined> => {
  if (given(options).length === 0) return undefined;
  return keyOf(local, { ...options, store: options.store ?? kit.vaultId });
};

const FLAGS = {
  keyFile: 'key-file <file>',
  passphraseFile: 'passphrase-file <file>',
  keyCommand: 'key-command <words...>',
  keySource: 'key-source <file>',
} as const;

const given = (options: KeyOptions) =>
  (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).filter((name) => options[name] !== undefined);

/** The key that exactly one option names; `prefix` stands before the options' names: 'new-'. Errors: UsageError, those of `readKek`. */
export async function keyOf(local: Local, options: KeyOptions & PlaceOptions, prefix = ''): Promise<KeyEncryptionKey> {
  if (given(options).length !== 1) {
    const flags = Object.values(FLAGS).map((flag) => `'--${prefix}${flag}'`);
    throw new UsageError(`one of ${flags.slice(0, -1).join(', ')} and ${flags.at(-1)} must be specified`);
  }
  const { cwd } = local.terminal;
  const { keyFile } = options;
  if (keyFile !== undefined) {
    const option = `--${prefix}${FLAGS.keyFile}`;
    const bytes = await readUserFile(resolve(cwd, keyFile), unreadable(resolve(cwd, keyFile), option));
    if (bytes.length === KEY_BYTES) return { kind: 'file', bytes };
    throw new UsageError(`option '${option}' names a file of ${bytes.length} bytes; a key has ${KEY_BYTES}`);
  }
  return readKek(await sourceOf(local, options, prefix), local.signal);
}

const KEY_BYTES = 32;

async function sourceOf(local: Local, options: KeyOptions & PlaceOptions, prefix: string): Promise<KekSource> {
  const { cwd } = local.terminal;
  const { passphraseFile, keyCommand: words, keySource } = options;
  if (passphraseFile !== undefined) {
    const path = resolve(cwd, passphraseFile);
    await readUserFile(path, unreadable(path, `--${prefix}${FLAGS.passphraseFile}`));
    return { kind: 'passphrase-file', path };
  }
  if (words !== undefined) return keyCommand(words.map((word, index) => (index === 0 ? resolve(cwd, word) : word)));
  const path = resolve(cwd, keySource ?? '');
  const text = await readUserText(path, unreadable(path, `--${prefix}${FLAGS.keySource}`));
  const vaultId = options.store ?? basename(resolve(cwd, options.folder ?? ''));
  return parseKekSource(text, { name: path, folder: dirname(path), vaultId });
}

const unreadable =
  (file: string, option: string) =>
  (why: string): UsageError =>
    new UsageError(`option '${option}' names a file that cannot be read: ${file} (${why})`);
