import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../db/database.ts';
import { changeStoreState } from '../db/storeStates.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError, isCoded, isSystemError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import type { Backend, BackendSpec } from '../store/backend.ts';
import type { KeyEncryptionKey } from '../store/keys.ts';
import { createStore, mendFormat, openStore, type Store } from '../store/store.ts';
import { redundancyIn, type VaultLayout, type VaultRedundancy } from '../vault/redundancy.ts';
import type { Vault } from '../vault/vault.ts';
import { KeyFolder, type VaultKeyNames } from './keyFolder.ts';
import { type PlacedStore, removePlacesLeftovers } from './placedStore.ts';
import { oneFolder, type StoragePlaces } from './storagePlaces.ts';
import { type WrittenKit, writeVaultKit } from './vaultKit.ts';
import { type FailedOver, VaultPlaces } from './vaultPlaces.ts';

export interface OpenVault {
  readonly store: Store;
  /** What worker threads open by themselves; a Backend itself where there are no threads. */
  readonly spec: BackendSpec | Backend;
  /** The vault's dedupe index: a local file that may be lost. */
  readonly dedupePath: string;
  /** The same store opened by who may delete from it; jobs that write points never use it. */
  readonly reaper: Backend;
  /** The asynchronous copy of a geo-redundant vault, opened by who may delete; only replication puts into it. */
  readonly secondary?: Backend;
  /** Absent: one place. */
  readonly layout?: VaultLayout;
  /** Set while `store` is the secondary: nothing is written to it. */
  readonly failedOver?: FailedOver;
}

export interface VaultFolders {
  /** One folder a vault. */
  readonly stores: string;
  /** Key-encryption keys and recovery kits, 0600; docs/keys.md. */
  readonly keys: string;
  /** Whatever may be lost. */
  readonly cache: string;
}

export interface VaultStoresOptions {
  /** Absent: one folder. */
  readonly storage?: StoragePlaces | undefined;
  /** Remembers which vault lies where. */
  readonly db?: Database | undefined;
  /** Puts something of a test's own around the backend of one place. */
  readonly wrapPlace?: ((place: string, backend: Backend) => Backend) | undefined;
  /** Told where recovery kits lie. */
  readonly log?: Logger | undefined;
}

/** The stores of all vaults of this server, opened once each. */
export class VaultStores {
  readonly #folders: VaultFolders;
  readonly #clock: Clock;
  readonly #wrap: ((backend: Backend) => Backend) | undefined;
  readonly #storage: StoragePlaces;
  readonly #places: VaultPlaces;
  readonly #options: VaultStoresOptions;
  readonly #cleaned = new Set<string>();
  /** Where the vaults' keys come from. */
  readonly keys: KeyFolder;
  readonly #open = new Map<string, Promise<OpenVault>>();

  /** `wrap` puts something of a test's own around every store. */
  constructor(
    folders: VaultFolders,
    clock: Clock,
    wrap?: (backend: Backend) => Backend,
    options: VaultStoresOptions = {},
  ) {
    this.#folders = folders;
    this.#clock = clock;
    this.#wrap = wrap;
    this.#storage = options.storage ?? oneFolder(folders.stores);
    this.#options = options;
    this.keys = new KeyFolder(folders.keys);
    this.#places = new VaultPlaces({ clock, ...options, storage: this.#storage });
  }

  /** Makes the vault's key, then its store; no error when both are there. */
  async create(vault: Pick<Vault, 'id'> & Partial<Pick<Vault, 'redundancy' | 'name'>>): Promise<void> {
    await this.keys.make(vault.id);
    const layout = await this.#places.assign({ redundancy: 'LocallyRedundant', ...vault });
    const { backend } = await this.#places.open(vault.id, layout, 'primary');
    if ((await backend.head('fmt')) === undefined)
      await createStore(backend, await this.keys.read(vault.id), { vaultId: vault.id, clock: this.#clock });
    await this.writeKit(vault);
  }

  /** Writes the vault's recovery kit anew: at its creation, and whenever its keys changed. */
  async writeKit(vault: Pick<Vault, 'id'> & Partial<Pick<Vault, 'name'>>): Promise<WrittenKit> {
    const { db, log } = this.#options;
    const layout = await this.#places.layoutOf(vault.id);
    const placed = await this.#places.open(vault.id, layout, 'primary');
    const kit = await writeVaultKit({ keys: this.keys, clock: this.#clock, ...placed }, vault);
    await db?.transaction((tx) => changeStoreState(tx, vault.id, { recoveryKit: kit }));
    log?.warn({ vaultId: vault.id, recoveryKit: kit.path }, 'print the recovery kit of this vault: docs/keys.md');
    return kit;
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

  /** The next `open` opens anew: places, lock or key are others now. */
  forget(vaultId: string): void {
    this.#open.delete(vaultId);
  }

  /**
   * Opens the store with the keys that are newest now, for the jobs to come; those that run keep what they have, and
   * so does everybody when it does not open. Errors: those of `open`.
   */
  async reopen(vaultId: string): Promise<OpenVault> {
    const opened = await this.#openStore(vaultId);
    this.#open.set(vaultId, Promise.resolve(opened));
    return opened;
  }

  /** Read from the secondary, whether the vault is failed over or not. Errors: StorePlaceUnsuitable (it has none). */
  async openSecondary(vaultId: string): Promise<OpenVault> {
    const layout = await this.#places.layoutOf(vaultId);
    if (layout.secondary.length > 0) return this.#openFrom(vaultId, layout, 'secondary');
    throw new CodedError('StorePlaceUnsuitable', `The vault ${vaultId} has no secondary place.`, {
      recommendations: ['Configure a secondary place, and let the vault replicate to it.'],
    });
  }

  /** Its own places, whether the vault is failed over or not. */
  async openPrimary(vaultId: string): Promise<OpenVault> {
    return this.#openFrom(vaultId, await this.#places.layoutOf(vaultId), 'primary');
  }

  layoutOf(vaultId: string): Promise<VaultLayout> {
    return this.#places.layoutOf(vaultId);
  }

  /** Moves the store of a vault that protects nothing yet to the places of its redundancy. Errors: StorageModelModifyError. */
  async place(vault: Vault): Promise<void> {
    if (await this.#places.move(vault)) this.forget(vault.id);
  }

  /** Gives the vault the secondary that it wants, when one is configured by now. */
  async adoptSecondary(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<void> {
    if (await this.#places.adoptSecondary(vault)) this.forget(vault.id);
  }

  /** The caller has made sure that nothing refers to the store. The key goes last, after all that it opens. */
  async remove(vault: { readonly id: string }): Promise<void> {
    this.#open.delete(vault.id);
    const isEmpty = await this.#places.removeStore(vault.id, await this.#places.layoutOf(vault.id));
    await this.#forgetRemoved(vault.id, isEmpty);
  }

  /** As `remove`, but while the storage still locks anything, place and key stay known: false, ask again later. */
  async purge(vault: { readonly id: string }): Promise<boolean> {
    this.#open.delete(vault.id);
    if (!(await this.#places.removeStore(vault.id, await this.#places.layoutOf(vault.id)))) return false;
    await this.#forgetRemoved(vault.id, true);
    return true;
  }

  /** What the vault's places give it, beside what was wished for; `why` when these differ. */
  async redundancyOf(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<VaultRedundancy> {
    return redundancyIn(await this.#places.layoutOf(vault.id), vault.redundancy);
  }

  keyNames(vaultId: string): Promise<VaultKeyNames> {
    return this.keys.names(vaultId);
  }

  /** Ids of the vaults that have a store in a folder here. */
  async list(): Promise<readonly string[]> {
    const found = await Promise.all([...new Set([...this.#diskFolders(), this.#folders.stores])].map(foldersIn));
    return [...new Set(found.flat())].sort();
  }

  storeFolder(vaultId: string): string {
    return join(this.#folders.stores, vaultId);
  }

  keyFile(vaultId: string): string {
    return this.keys.keyFile(vaultId);
  }

  async #openStore(vaultId: string): Promise<OpenVault> {
    const layout = await this.#places.layoutOf(vaultId);
    const failedOver = await this.#places.failedOver(vaultId);
    if (failedOver) return { ...(await this.#openFrom(vaultId, layout, 'secondary')), failedOver };
    const open = await this.#openFrom(vaultId, layout, 'primary');
    if (layout.secondary.length === 0) return open;
    const { reaper: secondary } = await this.#places.open(vaultId, layout, 'secondary');
    const { store } = open;
    // a commit object goes from every copy before its commit stops being a root
    const deleteCommit = async (name: string): Promise<void> => {
      await secondary.delete(name);
      await store.deleteCommit(name);
    };
    return { ...open, store: { ...store, deleteCommit }, secondary };
  }

  async #openFrom(vaultId: string, layout: VaultLayout, which: 'primary' | 'secondary'): Promise<OpenVault> {
    const placed = await this.#places.open(vaultId, layout, which);
    await this.#removeLeftovers(`${vaultId} ${which}`, placed);
    const backend = this.#wrap ? this.#wrap(placed.backend) : placed.backend;
    const store = await this.keys.open(vaultId, (kek) => openMended(backend, placed.reaper, kek, this.#clock));
    await mkdir(this.#folders.cache, { recursive: true, mode: 0o700 });
    return {
      store,
      spec: this.#wrap ? backend : placed.spec,
      dedupePath: this.#dedupePath(vaultId),
      reaper: placed.reaper === placed.backend ? backend : placed.reaper,
      layout,
    };
  }

  /** Once in the life of the process: a store that is opened anew may be written to meanwhile. */
  async #removeLeftovers(store: string, { spec }: PlacedStore): Promise<void> {
    if (this.#cleaned.has(store)) return;
    this.#cleaned.add(store);
    await removePlacesLeftovers(spec);
  }

  #diskFolders(): readonly string[] {
    return [...this.#storage.places.values()].flatMap((place) => (place.kind === 'disk' ? [place.folder] : []));
  }

  async #forgetRemoved(vaultId: string, isEmpty: boolean): Promise<void> {
    await this.#places.forget(vaultId);
    // folders without files are no store: `list` must not show them
    for (const folder of isEmpty ? this.#diskFolders() : [])
      await rm(join(folder, vaultId), { recursive: true, force: true });
    await rm(this.storeFolder(vaultId), { recursive: true, force: true });
    await rm(this.#dedupePath(vaultId), { force: true });
    await this.keys.remove(vaultId);
  }

  #dedupePath(vaultId: string): string {
    return join(this.#folders.cache, `${vaultId}.dedupe.sqlite`);
  }
}

/** A vault that is known here has a store: where its `fmt` is lost or damaged, the keys make it again. */
async function openMended(backend: Backend, reaper: Backend, kek: KeyEncryptionKey, clock: Clock): Promise<Store> {
  try {
    return await openStore(backend, kek);
  } catch (error) {
    if (!(isCoded(error, 'StoreNotAVault') || isCoded(error, 'StoreDataDamaged')) || error.target !== 'fmt')
      throw error;
    await mendFormat(backend, kek, { clock, reaper });
    return openStore(backend, kek);
  }
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    // whatever else lies in a place is none of ours
    return entries.filter((entry) => entry.isDirectory() && /^[\w-]{1,64}$/.test(entry.name)).map(({ name }) => name);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
