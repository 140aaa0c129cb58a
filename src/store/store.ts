import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { type Clock, isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import type { CommitBody } from './commitBody.ts';
import { openCommit, sealCommit } from './format/commit.ts';
import { parseObject, unknownVersion } from './format/jsonObject.ts';
import { FORMAT_NAME, keysName, parseCommitName, parseKeysName } from './format/names.ts';
import { damaged, deriveKey } from './format/seal.ts';
import { newVaultKeys, unwrapKeys, type VaultKeys, workerKeysOf, wrapKeys } from './format/vaultKeys.ts';
import type { KeyEncryptionKey, WorkerKeys } from './keys.ts';

export type { CommitBody, CommitDisk } from './commitBody.ts';

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
  readonly workerKeys: WorkerKeys;
  /** Sealed and signed; touches nothing. Errors: InvalidParameter (vault, or ids that cannot be part of a name). */
  sealCommit(body: CommitBody): { readonly name: string; readonly bytes: Uint8Array };
  /** The last write of a backup. Putting the same bytes again is no error. Errors: StoreFull, StoreIoFailed. */
  putCommit(name: string, bytes: Uint8Array): Promise<void>;
  /** Errors: StoreObjectMissing, StoreDataDamaged (name, seal, signature and body do not agree). */
  openCommit(name: string): Promise<CommitBody>;
  /** By their names alone; no order promised. */
  commits(): AsyncIterable<CommitName>;
  deleteCommit(name: string): Promise<void>;
}

/**
 * Makes the store of a new vault; one that was interrupted is finished. Errors: Conflict (a store is there),
 * StoreKeyWrong, StoreFull, StoreIoFailed (also for a backend that does not keep its promises).
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
  await probe(backend);
  await backend.put(keysName(1), wrapKeys(newVaultKeys(vaultId), kek, 1));
  // if a first try put other keys, those count
  const keys = await readKeys(backend, kek);
  if (keys.vaultId !== vaultId) {
    throw new CodedError('Conflict', `The keys of vault ${keys.vaultId} are in this place already.`, {
      target: 'vaultId',
    });
  }
  // its presence makes the store exist, so it is written last
  await backend.put(FORMAT_NAME, formatObject(keys, isoTime(clock.now())));
  return openedStore(backend, keys);
};

/** Errors: StoreNotAVault, StoreKeyWrong, StoreFormatUnknown, StoreDataDamaged. */
export const openStore = async (backend: Backend, kek: KeyEncryptionKey): Promise<Store> => {
  const format = await readFormat(backend);
  const keys = await readKeys(backend, kek);
  if (!sameMac(format.mac, macOf(keys, format.fields)))
    throw damaged(FORMAT_NAME, 'it was not sealed with the keys of this vault');
  return openedStore(backend, keys);
};

/**
 * Wraps the vault's secrets with another key-encryption key. The old keys object stays: whoever holds a copy of it
 * and the old key still opens the vault. Errors: those of `openStore`; Conflict (another change at the same time).
 */
export const changeKey = async (backend: Backend, from: KeyEncryptionKey, to: KeyEncryptionKey): Promise<void> => {
  await openStore(backend, from);
  const keys = await readKeys(backend, from);
  const number = Math.max(...(await keysNumbers(backend))) + 1;
  if ((await backend.put(keysName(number), wrapKeys(keys, to, number))) === 'created') return;
  throw new CodedError('Conflict', 'The key was changed by another at this moment.', { target: keysName(number) });
};

const openedStore = (backend: Backend, keys: VaultKeys): Store => {
  const workerKeys = workerKeysOf(keys);
  return {
    vaultId: keys.vaultId,
    backend,
    workerKeys,
    sealCommit: (body) => sealCommit(body, keys, workerKeys),
    async putCommit(name, bytes) {
      openCommit(name, bytes, keys, workerKeys);
      await backend.put(name, bytes);
    },
    openCommit: async (name) => openCommit(name, await backend.get(name), keys, workerKeys),
    async *commits() {
      for await (const { name } of backend.list('rp/')) {
        const parsed = parseCommitName(name);
        if (parsed) yield { name, itemId: parsed.itemId, cseq: parsed.cseq, pointId: parsed.pointId };
      }
    },
    deleteCommit: (name) => backend.delete(name),
  };
};

/** The newest keys object that is whole counts; an older one only when all newer ones are damaged. */
const readKeys = async (backend: Backend, kek: KeyEncryptionKey): Promise<VaultKeys> => {
  let firstDamage: unknown;
  for (const number of (await keysNumbers(backend)).sort((a, b) => b - a)) {
    try {
      return unwrapKeys(keysName(number), await backend.get(keysName(number)), kek);
    } catch (error) {
      if (!isCoded(error, 'StoreDataDamaged')) throw error;
      firstDamage ??= error;
    }
  }
  throw firstDamage ?? new CodedError('StoreNotAVault', 'The store has lost its keys/ objects.', { target: 'keys/' });
};

const keysNumbers = async (backend: Backend): Promise<number[]> => {
  const numbers: number[] = [];
  for await (const { name } of backend.list('keys/')) {
    const number = parseKeysName(name);
    if (number !== undefined) numbers.push(number);
  }
  return numbers;
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

const readFormat = async (backend: Backend): Promise<Format> => {
  if (!(await backend.head(FORMAT_NAME))) {
    throw new CodedError('StoreNotAVault', "There is no store in this place: it has no object 'fmt'.", {
      target: FORMAT_NAME,
      recommendations: ["Give the folder that holds 'fmt', 'keys', 'p' and 'rp'."],
    });
  }
  const { mac, ...fields } = parseObject(FORMAT_NAME, await backend.get(FORMAT_NAME));
  if (fields.format !== 'strongroom store') throw damaged(FORMAT_NAME, 'it does not describe a store');
  if (fields.version !== 1) throw unknownVersion(FORMAT_NAME, fields.version);
  return { fields, mac };
};

const macOf = (keys: VaultKeys, fields: Record<string, unknown>): string => {
  const key = deriveKey(keys.generations[0]!.masterKey, new Uint8Array(0), 'format');
  return createHmac('sha256', key).update(canonicalJson(fields)).digest('hex');
};

const sameMac = (given: unknown, right: string): boolean => {
  const [one, other] = [Buffer.from(String(given)), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
};

/** A backend that overwrites, or that does not show what it stored, is refused before anything is entrusted to it. */
const probe = async (backend: Backend): Promise<void> => {
  const name = `probe/${randomBytes(16).toString('hex')}`;
  const bytes = randomBytes(64);
  const first = await backend.put(name, bytes);
  const second = await backend.put(name, randomBytes(64));
  const read = await backend.get(name);
  let listed = false;
  for await (const object of backend.list('probe/')) listed ||= object.name === name;
  await backend.delete(name);
  const gone = (await backend.head(name)) === undefined;
  const promises = {
    first: first === 'created',
    second: second === 'exists',
    same: Buffer.compare(read, bytes) === 0,
    listed,
    gone,
  };
  const broken = Object.entries(promises).flatMap(([promise, kept]) => (kept ? [] : [promise]));
  if (broken.length === 0) return;
  throw new CodedError('StoreIoFailed', `This storage does not do what a store needs (${broken.join(', ')}).`, {
    recommendations: ['A store needs put-if-absent, read after write and list after write.'],
  });
};
