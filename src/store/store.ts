import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { type Clock, isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import type { CheckpointBody } from './checkpointBody.ts';
import type { CommitBody } from './commitBody.ts';
import { openCheckpoint, sealCheckpoint } from './format/checkpoint.ts';
import { openCommit, sealCommit } from './format/commit.ts';
import { type DatabaseSeal, databaseSeal } from './format/databasePiece.ts';
import { parseObject, unknownVersion } from './format/jsonObject.ts';
import { FORMAT_NAME, keysName, parseCommitName } from './format/names.ts';
import { damaged, deriveKey } from './format/seal.ts';
import { structKeysOf } from './format/structKeys.ts';
import { newVaultKeys, type VaultKeys, workerKeysOf, wrapKeys } from './format/vaultKeys.ts';
import { newestKeys, type OpenKeys } from './keyring/keysObjects.ts';
import type { KeyEncryptionKey, StructKeys, WorkerKeys } from './keys.ts';
import { probeBackend, requireSuitable } from './probe.ts';
import { firstSound } from './secondOpinion.ts';

export type { CommitBody, CommitCatalogue, CommitDisk } from './commitBody.ts';

export interface CommitName {
  readonly name: string;
  readonly itemId: string;
  readonly cseq: number;
  readonly pointId: string;
}

/** The store of one vault, opened with its key. */
export interface Store {
  readonly vaultId: string;
  readonly backend: Backend;
  /** Of the keys object that it was opened with. */
  readonly keysNumber: number;
  readonly workerKeys: WorkerKeys;
  /** For work that needs to know where chunks lie, not what they hold: collecting, scrubbing. */
  readonly structKeys: StructKeys;
  /** Sealed and signed; touches nothing. Errors: InvalidParameter (vault, or ids that cannot be part of a name). */
  sealCommit(body: CommitBody): { readonly name: string; readonly bytes: Uint8Array };
  /** The last write of a backup. Putting the same bytes again is no error. Errors: StoreFull, StoreIoFailed. */
  putCommit(name: string, bytes: Uint8Array): Promise<void>;
  /** Errors: StoreObjectMissing, StoreDataDamaged (name, seal, signature and body do not agree). */
  openCommit(name: string): Promise<CommitBody>;
  /** The same of bytes that are not in the store yet. */
  readCommit(name: string, bytes: Uint8Array): CommitBody;
  /** As `openCommit`, of bytes at hand. Errors: StoreDataDamaged. */
  readCommit(name: string, bytes: Uint8Array): CommitBody;
  /** By their names alone; no order promised. */
  commits(): AsyncIterable<CommitName>;
  deleteCommit(name: string): Promise<void>;
  /** Whether these bytes are this store's `fmt`. */
  isFormat(bytes: Uint8Array): boolean;
  /** `fmt` made again, when it was lost. */
  newFormat(createdAt: number): Uint8Array;
  /** Sealed and signed; touches nothing. */
  sealCheckpoint(body: CheckpointBody): { readonly name: string; readonly bytes: Uint8Array };
  /** Errors: StoreObjectMissing, StoreDataDamaged. */
  openCheckpoint(name: string): Promise<CheckpointBody>;
  /** For copies of the control plane's database; databaseCopies.ts. */
  readonly databaseSeal: DatabaseSeal;
}

/**
 * Makes the store of a new vault; one that was interrupted is finished. Errors: Conflict (a store is there),
 * StoreKeyWrong, StoreFull, StoreIoFailed,
 * StorePlaceUnsuitable (the storage does not keep the promises that probe.ts tries).
 */
export const createStore = async (
  backend: Backend,
  kek: KeyEncryptionKey,
  options: { readonly vaultId: string; readonly clock: Clock },
): Promise<Store> => {
  const { vaultId, clock } = options;
  if (await backend.head(FORMAT_NAME)) {
    throw new CodedError('Conflict', 'There is a store in this place already.', { target: FORMAT_NAME });
  }
  // nothing is entrusted to a storage that overwrites, or does not show what it took
  requireSuitable(await probeBackend(backend, { clock }));
  await backend.put(keysName(1), wrapKeys(newVaultKeys(vaultId), kek, 1));
  // if a first try put other keys, those count
  const opened = await newestKeys(backend, kek);
  const { keys } = opened;
  if (keys.vaultId !== vaultId) {
    throw new CodedError('Conflict', `The keys of vault ${keys.vaultId} are in this place already.`, {
      target: 'vaultId',
    });
  }
  // its presence makes the store exist, so it is written last
  await backend.put(FORMAT_NAME, formatObject(keys, isoTime(clock.now())));
  return openedStore(backend, opened);
};

/** Errors: StoreNotAVault, StoreKeyWrong, StoreFormatUnknown, StoreDataDamaged. */
export const openStore = async (backend: Backend, kek: KeyEncryptionKey): Promise<Store> => {
  await readFormat(backend);
  const opened = await newestKeys(backend, kek);
  await readFormat(backend, opened.keys);
  return openedStore(backend, opened);
};

/**
 * Makes `fmt` again from the keys where it was lost or damaged; the store must have keys/ objects that `kek` opens.
 * `reaper` deletes the damaged one. Errors: StoreKeyWrong, StoreFormatUnknown, StoreNotAVault (no keys/ either).
 */
export const mendFormat = async (
  backend: Backend,
  kek: KeyEncryptionKey,
  options: { readonly clock: Clock; readonly reaper: Backend },
): Promise<'sound' | 'mended'> => {
  const { keys } = await newestKeys(backend, kek);
  try {
    await readFormat(backend, keys);
    return 'sound';
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged')) await options.reaper.delete(FORMAT_NAME);
    else if (!isCoded(error, 'StoreNotAVault')) throw error;
  }
  await backend.put(FORMAT_NAME, formatObject(keys, isoTime(options.clock.now())));
  await readFormat(backend, keys);
  return 'mended';
};

const openedStore = (backend: Backend, { keys, number }: OpenKeys): Store => {
  const workerKeys = workerKeysOf(keys);
  return {
    vaultId: keys.vaultId,
    backend,
    keysNumber: number,
    workerKeys,
    structKeys: structKeysOf(workerKeys),
    sealCommit: (body) => sealCommit(body, keys, workerKeys),
    async putCommit(name, bytes) {
      openCommit(name, bytes, keys, workerKeys);
      await backend.put(name, bytes);
    },
    openCommit: (name) => {
      const open = async (copy: Backend) => openCommit(name, await copy.get(name), keys, workerKeys);
      return firstSound(backend, name, open, () => damaged(name, 'it does not open'));
    },
    readCommit: (name, bytes) => openCommit(name, bytes, keys, workerKeys),
    async *commits() {
      for await (const { name } of backend.list('rp/')) {
        const parsed = parseCommitName(name);
        if (parsed) yield { name, itemId: parsed.itemId, cseq: parsed.cseq, pointId: parsed.pointId };
      }
    },
    deleteCommit: (name) => backend.delete(name),
    isFormat: (bytes) => isFormat(bytes, keys),
    newFormat: (createdAt) => formatObject(keys, isoTime(createdAt)),
    sealCheckpoint: (body) => sealCheckpoint(body, keys, workerKeys),
    openCheckpoint: async (name) => openCheckpoint(name, await backend.get(name), keys, workerKeys),
    databaseSeal: databaseSeal(keys),
  };
};

interface Format {
  /** All but the MAC. */
  readonly fields: Record<string, unknown>;
  readonly mac: unknown;
}

const formatObject = (keys: VaultKeys, createdAt: string): Uint8Array => {
  const fields = { format: 'strongroom store', version: 1, vaultId: keys.vaultId, createdAt };
  return Buffer.from(canonicalJson({ ...fields, mac: macOf(keys, fields) }));
};

/** With `keys`, one that was not sealed with them is damaged. Every copy is asked before any is believed to be bad. */
const readFormat = async (backend: Backend, keys?: VaultKeys): Promise<void> => {
  let unknown: CodedError | undefined;
  const attempt = async (copy: Backend): Promise<true | undefined> => {
    try {
      const format = parseFormat(await copy.get(FORMAT_NAME));
      return !keys || sameMac(format.mac, macOf(keys, format.fields)) ? true : undefined;
    } catch (error) {
      if (!isCoded(error, 'StoreFormatUnknown')) throw error;
      unknown ??= error;
      return undefined;
    }
  };
  try {
    const refused = () => unknown ?? damaged(FORMAT_NAME, 'it was not sealed with the keys of this vault');
    await firstSound(backend, FORMAT_NAME, attempt, refused);
  } catch (error) {
    if (!isCoded(error, 'StoreObjectMissing')) throw error;
    throw new CodedError('StoreNotAVault', "There is no store in this place: it has no object 'fmt'.", {
      target: FORMAT_NAME,
      recommendations: ["Give the folder that holds 'fmt', 'keys', 'p' and 'rp'."],
    });
  }
};

/** Errors: StoreDataDamaged, StoreFormatUnknown. */
const parseFormat = (bytes: Uint8Array): Format => {
  const { mac, ...fields } = parseObject(FORMAT_NAME, bytes);
  if (fields.format !== 'strongroom store') throw damaged(FORMAT_NAME, 'it does not describe a store');
  if (fields.version !== 1) throw unknownVersion(FORMAT_NAME, fields.version);
  return { fields, mac };
};

const isFormat = (bytes: Uint8Array, keys: VaultKeys): boolean => {
  try {
    const { fields, mac } = parseFormat(bytes);
    return sameMac(mac, macOf(keys, fields));
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreFormatUnknown')) return false;
    throw error;
  }
};

const macOf = (keys: VaultKeys, fields: Record<string, unknown>): string => {
  const key = deriveKey(keys.generations[0]!.masterKey, new Uint8Array(0), 'format');
  return createHmac('sha256', key).update(canonicalJson(fields)).digest('hex');
};

const sameMac = (given: unknown, right: string): boolean => {
  const [one, other] = [Buffer.from(String(given)), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
};
