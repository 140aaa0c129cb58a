import { hash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { parseObject } from './format/jsonObject.ts';
import { FORMAT_NAME, keysName } from './format/names.ts';
import { unwrapKeys } from './format/vaultKeys.ts';
import { KEK_BYTES } from './kek.ts';
import { newestKeys, newestOwnNumber } from './keyring/keysObjects.ts';
import { invalid, type KitLine, kitBytes, readKitLines, writeKitLines } from './keyring/kitLines.ts';
import type { KeyEncryptionKey } from './keys.ts';

/** All that is needed to read a vault besides its store: one page, docs/keys.md. */
export interface RecoveryKit {
  readonly vaultId: string;
  readonly vaultName: string;
  /** ms since 1970. */
  readonly madeAt: number;
  /** SHA-256 (hex) of the key that commit objects are checked with. */
  readonly signingKey: string;
  /** Where the store lies, in words, without secrets. */
  readonly places: readonly string[];
  /** What opens the keys: on the page itself, or the words that say which secret is needed. */
  readonly kek: KeyEncryptionKey | { readonly kind: 'told'; readonly words: string };
  /** Copy of the newest `keys/<number>`. */
  readonly keys: { readonly number: number; readonly bytes: Uint8Array };
}

export interface KitRequest {
  readonly vaultName: string;
  readonly madeAt: number;
  readonly places: readonly string[];
  /** Set: the key is not printed; these words say what it is. A passphrase is never printed. */
  readonly kekInWords?: string;
}

/** A keys object of hundreds of generations is shorter. */
const MAX_KEYS_BYTES = 262_144;

/** Errors: those of `openStore`. */
export const makeKit = async (
  backend: Backend,
  kek: KeyEncryptionKey,
  { kekInWords, ...request }: KitRequest,
): Promise<RecoveryKit> => {
  const { keys, number, bytes } = await newestKeys(backend, kek);
  const words = kekInWords ?? (kek.kind === 'passphrase' ? 'the passphrase of the vault' : undefined);
  return {
    ...request,
    vaultId: keys.vaultId,
    signingKey: hash('sha256', keys.verifyKey, 'hex'),
    kek: words === undefined ? kek : { kind: 'told', words },
    keys: { number, bytes },
  };
};

/** The page; `readKit` takes it, whole or its numbered lines alone. */
export const printKit = (kit: RecoveryKit): string => {
  const { kek, keys } = kit;
  const lines: KitLine[] = [
    { label: 'Vault', text: kit.vaultName },
    { label: 'Vault id', text: kit.vaultId },
    { label: 'Made', text: isoTime(kit.madeAt) },
    { label: 'Signing key', text: kit.signingKey },
    ...kit.places.map((text) => ({ label: 'Store', text })),
    { label: 'Keys object', text: keysName(keys.number) },
    { label: 'Opened by', text: kek.kind === 'file' ? 'the key in line K' : kek.kind === 'told' ? kek.words : '' },
    ...(kek.kind === 'file' ? [{ label: 'K', bytes: kek.bytes }] : []),
    { label: 'O', bytes: new Uint8Array(deflateRawSync(keys.bytes, { level: 9 })) },
  ];
  return `${head(kit)}\n${writeKitLines(lines)}\n${STEPS}`;
};

const head = ({ kek }: RecoveryKit): string => `STRONGROOM RECOVERY KIT

${
  kek.kind === 'file'
    ? 'Who has this page and the store can read every backup in it. Print it, lock it\naway from the server, and let no copy of it lie beside the store.'
    : 'Who has this page, the secret that it names and the store can read every backup\nin it. Print it, and keep it and the secret away from the server.'
}
Prove it now and then: strongroom store drill. When the keys change, make a new
one.
`;

const STEPS = `To restore without the server that made the backups:
 a. On any computer with Linux, install Strongroom: it needs no configuration.
 b. Type or scan the numbered lines into a file kit.txt. Spaces and small
    letters do not matter. Each line ends with its own check: an error is named.
 c. strongroom store drill --kit kit.txt --folder <the store's folder>
    says whether this page opens the store. A store in a bucket: --place <file>.
 d. strongroom store list --kit kit.txt --folder <folder> shows the points.
 e. strongroom store restore --kit kit.txt --folder <folder> --point <id>
    --target-folder <folder> writes its disks as raw images.
`;

/** Errors: RecoveryKitInvalid, naming the line where the typing went wrong. */
export const readKit = (typed: string): RecoveryKit => {
  const lines = readKitLines(typed);
  const one = (label: string): string => {
    const [value, ...more] = lines.get(label) ?? [];
    if (value === undefined || more.length > 0) throw invalid(`it needs one line '${label}'`);
    return value;
  };
  const [, number] = /^keys\/([1-9]\d{0,8})$/.exec(one('Keys object')) ?? [];
  const madeAt = Date.parse(one('Made'));
  if (number === undefined || Number.isNaN(madeAt)) throw invalid('it names no keys object, or no time');
  const typedKey = lines.get('K');
  return {
    vaultId: one('Vault id'),
    vaultName: one('Vault'),
    madeAt,
    signingKey: one('Signing key'),
    places: lines.get('Store') ?? [],
    kek: typedKey ? { kind: 'file', bytes: keyOf(typedKey) } : { kind: 'told', words: one('Opened by') },
    keys: { number: Number(number), bytes: inflated(kitBytes('O', lines.get('O') ?? [])) },
  };
};

const keyOf = (typed: readonly string[]): Uint8Array => {
  const bytes = kitBytes('K', typed);
  if (bytes.length !== KEK_BYTES) throw invalid(`its key has ${bytes.length} bytes instead of ${KEK_BYTES}`);
  return bytes;
};

const inflated = (bytes: Uint8Array): Uint8Array => {
  try {
    return new Uint8Array(inflateRawSync(bytes, { maxOutputLength: MAX_KEYS_BYTES }));
  } catch {
    throw invalid("the lines 'O' do not hold a keys object"); // zlib's own words tell the reader nothing
  }
};

/**
 * The key that opens the kit: its own, or `secret` where the kit only says which. Errors: RecoveryKitInvalid (a
 * secret is needed, or the signing key is another), StoreKeyWrong, StoreDataDamaged.
 */
export const openKit = (kit: RecoveryKit, secret?: KeyEncryptionKey): KeyEncryptionKey => {
  const kek = kit.kek.kind === 'told' ? secret : kit.kek;
  if (!kek) throw invalid(`it is opened by ${kit.kek.kind === 'told' ? kit.kek.words : ''}, which was not given`);
  const { vaultId, verifyKey } = kitKeys(kit, kek);
  if (vaultId === kit.vaultId && hash('sha256', verifyKey, 'hex') === kit.signingKey) return kek;
  throw invalid('its keys are those of another vault than it names');
};

const kitKeys = ({ keys }: RecoveryKit, kek: KeyEncryptionKey) => unwrapKeys(keysName(keys.number), keys.bytes, kek);

/** Of the store's newest keys object, when the vault changed its keys since the kit was made; else the kit's own. */
export const newestKeysSince = (backend: Backend, kit: RecoveryKit, kek: KeyEncryptionKey): Promise<number> =>
  newestOwnNumber(backend, { keys: kitKeys(kit, kek), number: kit.keys.number });

/** The store with the kit's copy of the keys object in place of its own; nothing of `keys/` in the store is read. */
export const withKitKeys = (backend: Backend, kit: RecoveryKit): Backend => {
  const name = keysName(kit.keys.number);
  const { bytes } = kit.keys;
  return {
    put: (...given) => backend.put(...given),
    delete: (object) => backend.delete(object),
    head: async (object) => (object === name ? { sizeBytes: bytes.length } : backend.head(object)),
    get: async (object, range) => {
      if (object !== name) return backend.get(object, range);
      return new Uint8Array(range ? bytes.subarray(range.offset, range.offset + range.length) : bytes);
    },
    async *list(prefix) {
      if (name.startsWith(prefix)) yield { name, sizeBytes: bytes.length };
      if (prefix.startsWith('keys/')) return;
      for await (const object of backend.list(prefix)) if (!object.name.startsWith('keys/')) yield object;
    },
  };
};

/** Puts the kit's keys object back into a store that lost it. Errors: StoreKeyWrong (of another vault), those of a put. */
export const putKitKeys = async (backend: Backend, kit: RecoveryKit): Promise<'created' | 'exists'> => {
  const format = parseObject(FORMAT_NAME, await backend.get(FORMAT_NAME));
  if (format.vaultId !== kit.vaultId)
    throw new CodedError(
      'StoreKeyWrong',
      `The kit is of vault ${kit.vaultId}, the store of ${String(format.vaultId)}.`,
    );
  return backend.put(keysName(kit.keys.number), kit.keys.bytes);
};

/**
 * To read a store by its kit: the store as it is where its own newest keys open with the kit's key, for they are the
 * newer ones; else with the kit's copy of them.
 */
export const rescueBackend = async (backend: Backend, kit: RecoveryKit, kek: KeyEncryptionKey): Promise<Backend> => {
  try {
    const { number } = await newestKeys(backend, kek);
    return number >= kit.keys.number ? backend : withKitKeys(backend, kit);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return withKitKeys(backend, kit);
  }
};
