import type { Database } from '../db/database.ts';
import { listItems } from '../db/items.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { getVault } from '../db/vaults.ts';
import type { LockSpec } from '../store/backend.ts';
import { isRefusedDeletion } from '../store/refusedDeletion.ts';
import type { VaultLayout } from '../vault/redundancy.ts';
import type { Vault } from '../vault/vault.ts';
import { assertRedundancyChange } from '../vault/vaultRules.ts';
import { lockOf } from './lockOf.ts';
import { openPlaces, type PlacedStore, type Placing, useOf } from './placedStore.ts';
import { layoutFor } from './storagePlaces.ts';

export interface FailedOver {
  readonly at: number;
  /** Points that the secondary does not have. */
  readonly missingPoints: readonly string[];
}

export interface PlacesOptions extends Placing {
  /** Remembers layouts; absent: all stores lie in the local places. */
  readonly db?: Database | undefined;
}

/** In which places the store of each vault lies. */
export class VaultPlaces {
  readonly #options: PlacesOptions;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** As it was decided, or, when the database does not know it, where it is found. */
  async layoutOf(vaultId: string): Promise<VaultLayout> {
    const { db } = this.#options;
    const known = db && (await getStoreState(db.queries, vaultId)).layout;
    if (known) return known as unknown as VaultLayout;
    const found = await this.#find(vaultId);
    const isOurs = db !== undefined && (await getVault(db.queries, vaultId)) !== undefined;
    return isOurs ? this.#remember(vaultId, found) : found;
  }

  /** Set while the vault is read from its secondary. */
  async failedOver(vaultId: string): Promise<FailedOver | undefined> {
    const { db } = this.#options;
    const replication = db && (await getStoreState(db.queries, vaultId)).replication;
    return replication?.failedOver as FailedOver | undefined;
  }

  async open(vaultId: string, layout: VaultLayout, which: 'primary' | 'secondary'): Promise<PlacedStore> {
    return openPlaces(this.#options, { ...useOf(vaultId, layout, which), lock: await this.#lockOf(vaultId) });
  }

  /** Where a new vault's store goes; the same answer every time until `move`. */
  async assign(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<VaultLayout> {
    const { db, storage } = this.#options;
    if (!db) return this.layoutOf(vault.id);
    const known = (await getStoreState(db.queries, vault.id)).layout;
    if (known) return known as unknown as VaultLayout;
    return this.#remember(vault.id, layoutFor(storage, vault.redundancy));
  }

  /**
   * Moves the store of a vault that protects nothing yet to the places of its redundancy; true: it lies elsewhere now.
   * Errors: StorageModelModifyError, and those of the places.
   */
  async move(vault: Vault): Promise<boolean> {
    const { db, storage } = this.#options;
    const [before, after] = [await this.layoutOf(vault.id), layoutFor(storage, vault.redundancy)];
    if (!db || isSame(before, after)) return false;
    const old = await this.open(vault.id, before, 'primary');
    if (!isSame({ ...before, secondary: [] }, { ...after, secondary: [] })) {
      const next = await this.open(vault.id, after, 'primary');
      for await (const { name } of old.backend.list('')) await next.backend.put(name, await old.backend.get(name));
    }
    await db.transaction(async (tx) => {
      const hasItems = (await listItems(tx, { vaultId: vault.id })).length > 0;
      assertRedundancyChange({ ...vault, redundancy: 'LocallyRedundant' }, 'GeoRedundant', hasItems);
      await changeStoreState(tx, vault.id, { layout: after as never });
    });
    await this.#removeFrom(vault.id, before, after);
    return true;
  }

  /** A wish for a secondary is met as soon as one is configured, also when items are protected. */
  async adoptSecondary(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<boolean> {
    const layout = await this.layoutOf(vault.id);
    const { secondary } = layoutFor(this.#options.storage, vault.redundancy);
    const free = secondary.filter((name) => !layout.primary.includes(name));
    if (!this.#options.db || layout.secondary.length > 0 || free.length === 0) return false;
    await this.#remember(vault.id, { ...layout, secondary: free });
    return true;
  }

  async forget(vaultId: string): Promise<void> {
    await this.#options.db?.queries.deleteFrom('store_states').where('vault_id', '=', vaultId).execute();
  }

  /** Everything in every place; what the storage still locks stays there: false. */
  async removeStore(vaultId: string, layout: VaultLayout): Promise<boolean> {
    let isEmpty = true;
    for (const place of [...layout.primary, ...layout.secondary])
      isEmpty = (await this.#empty(vaultId, place)) && isEmpty;
    return isEmpty;
  }

  async #removeFrom(vaultId: string, before: VaultLayout, after: VaultLayout): Promise<void> {
    const used = [...after.primary, ...after.secondary];
    for (const place of [...before.primary, ...before.secondary])
      if (!used.includes(place)) await this.#empty(vaultId, place);
  }

  async #empty(vaultId: string, place: string): Promise<boolean> {
    const { reaper } = await openPlaces(this.#options, { storeName: vaultId, places: [place], quorum: 1 });
    let isEmpty = true;
    for await (const { name } of reaper.list(''))
      await reaper.delete(name).catch((error: unknown) => {
        if (!isRefusedDeletion(error)) throw error;
        isEmpty = false;
      });
    return isEmpty;
  }

  /** Without the database's word, the places are asked which of them has the store. */
  async #find(vaultId: string): Promise<VaultLayout> {
    const { storage } = this.#options;
    const local = layoutFor(storage, 'LocallyRedundant');
    if (storage.places.size === 1) return local;
    const asked = [...new Set([...storage.local, ...storage.zones, ...storage.secondary])].map(async (place) => {
      const { backend } = await openPlaces(this.#options, { storeName: vaultId, places: [place], quorum: 1 });
      // a place that does not answer is asked again when it is read
      const found = await backend.head('fmt').catch(() => undefined);
      return found ? [place] : [];
    });
    const found = (await Promise.all(asked)).flat();
    const secondary = storage.secondary.filter((place) => found.includes(place));
    const zones = layoutFor(storage, 'ZoneRedundant');
    const foundOf = ({ primary }: VaultLayout) => primary.filter((place) => found.includes(place)).length;
    const isZones = foundOf(zones) >= zones.quorum && foundOf(zones) > foundOf(local);
    return { ...(isZones ? zones : local), secondary };
  }

  async #lockOf(vaultId: string): Promise<LockSpec | undefined> {
    const vault = this.#options.db && (await getVault(this.#options.db.queries, vaultId));
    return vault && lockOf(vault);
  }

  async #remember(vaultId: string, layout: VaultLayout): Promise<VaultLayout> {
    await this.#options.db?.transaction((tx) => changeStoreState(tx, vaultId, { layout: layout as never }));
    return layout;
  }
}

const isSame = (one: VaultLayout, other: VaultLayout): boolean => JSON.stringify(one) === JSON.stringify(other);
