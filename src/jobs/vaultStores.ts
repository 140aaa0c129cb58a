import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { writeFileDurably } from '../lib/durableFile.ts';
import { CodedError, isSystemError } from '../lib/error.ts';
import type { Backend, BackendSpec } from '../store/backend.ts';
import type { KeyEncryptionKey } from '../store/keys.ts';
import { openBackend, removeLeftovers } from '../store/openBackend.ts';
import { createStore, openStore, type Store } from '../store/store.ts';
import type { StorageRedundancy, Vault } from '../vault/vault.ts';

export interface OpenVault {
  readonly store: Store;
  /** What worker threads open by themselves; a Backend itself where there are no threads. */
  readonly spec: BackendSpec | Backend;
  /** The vault's dedupe index: a local file that may be lost. */
  readonly dedupePath: string;
  /** The same store opened by who may delete from it; jobs that write points never use it. */
  readonly reaper: Backend;
  /** The asynchronous copy of a geo-redundant vault. */
  readonly secondary?: Backend;
}

export interface VaultRedundancy {
  readonly wanted: StorageRedundancy;
  readonly actual: StorageRedundancy;
  /** In words, when there is less than wanted. */
  readonly why?: string;
}

export interface VaultFolders {
  /** One folder a vault. */
  readonly stores: string;
  /** One 0600 file a vault: its key-encryption key. */
  readonly keys: string;
  /** Whatever may be lost. */
  readonly cache: string;
}

/** The stores of all vaults of this server, opened once each. */
export class VaultStores {
  readonly #folders: VaultFolders;
  readonly #clock: Clock;
  readonly #wrap: ((backend: Backend) => Backend) | undefined;
  readonly #open = new Map<string, Promise<OpenVault>>();

  /** `wrap` puts something of a test's own around every backend. */
  constructor(folders: VaultFolders, clock: Clock, wrap?: (backend: Backend) => Backend) {
    this.#folders = folders;
    this.#clock = clock;
    this.#wrap = wrap;
  }

  /** Makes the vault's key, then its store; no error when both are there. */
  async create(vault: { readonly id: string }): Promise<void> {
    const kek = await this.#makeKey(vault.id);
    const backend = openBackend(this.#spec(vault.id));
    if ((await backend.head('fmt')) === undefined)
      await createStore(backend, kek, { vaultId: vault.id, clock: this.#clock });
  }

  /** Errors: StoreNotAVault, StoreKeyWrong, StoreFormatUnknown, StoreObjectMissing (the key file). */
  open(vaultId: string): Promise<OpenVault> {
    const known = this.#open.get(vaultId);
    if (known) return known;
    const opening = this.#openStore(vaultId).catch((error: unknown) => {
      this.#open.delete(vaultId);
      throw error;
    });
    this.#open.set(vaultId, opening);
    return opening;
  }

  /** The caller has made sure that nothing refers to the store. The key goes last, after all that it opens. */
  async remove(vault: { readonly id: string }): Promise<void> {
    this.#open.delete(vault.id);
    await rm(this.storeFolder(vault.id), { recursive: true, force: true });
    await rm(this.#dedupePath(vault.id), { force: true });
    await rm(this.keyFile(vault.id), { force: true });
  }

  /** What the vault's places give it, beside what was wished for; `why` when these differ. */
  async redundancyOf(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<VaultRedundancy> {
    const wanted = vault.redundancy;
    if (wanted === 'LocallyRedundant') return { wanted, actual: wanted };
    return { wanted, actual: 'LocallyRedundant', why: 'One place is configured for stores.' };
  }

  /** Ids of the vaults that have a store here. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.#folders.stores, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  }

  storeFolder(vaultId: string): string {
    return join(this.#folders.stores, vaultId);
  }

  keyFile(vaultId: string): string {
    return join(this.#folders.keys, `${vaultId}.key`);
  }

  async #openStore(vaultId: string): Promise<OpenVault> {
    const plain = this.#spec(vaultId);
    await removeLeftovers(plain);
    const spec = this.#wrap ? this.#wrap(openBackend(plain)) : plain;
    const store = await openStore('put' in spec ? spec : openBackend(spec), {
      kind: 'file',
      bytes: await this.#readKey(vaultId),
    });
    await mkdir(this.#folders.cache, { recursive: true, mode: 0o700 });
    return { store, spec, dedupePath: this.#dedupePath(vaultId), reaper: store.backend };
  }

  async #makeKey(vaultId: string): Promise<KeyEncryptionKey> {
    await mkdir(this.#folders.keys, { recursive: true, mode: 0o700 });
    if (!existsSync(this.keyFile(vaultId))) await writeFileDurably(this.keyFile(vaultId), randomBytes(32));
    return { kind: 'file', bytes: await this.#readKey(vaultId) };
  }

  async #readKey(vaultId: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await readFile(this.keyFile(vaultId)));
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
      throw new CodedError('StoreObjectMissing', `The key file ${this.keyFile(vaultId)} of vault ${vaultId} is gone.`, {
        recommendations: ['Put the key file back from your copy of it: without the key the store cannot be read.'],
        cause: error,
      });
    }
  }

  #spec(vaultId: string): BackendSpec {
    return { kind: 'disk', folder: this.storeFolder(vaultId) };
  }

  #dedupePath(vaultId: string): string {
    return join(this.#folders.cache, `${vaultId}.dedupe.sqlite`);
  }
}
