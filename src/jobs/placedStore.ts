import type { Clock } from '../lib/clock.ts';
import type { Backend, BackendSpec, LockSpec } from '../store/backend.ts';
import { openBackend, removeLeftovers, replicatedBackend } from '../store/openBackend.ts';
import { type CopySpec, type Place, specOf } from '../store/place.ts';
import type { VaultLayout } from '../vault/redundancy.ts';
import { placeNamed, type StoragePlaces } from './storagePlaces.ts';

/** One store, open in some places as one. */
export interface PlacedStore {
  readonly backend: Backend;
  /** What worker threads open by themselves; a Backend itself where a test stands in between. */
  readonly spec: BackendSpec | Backend;
  /** Opened by who may delete. */
  readonly reaper: Backend;
}

export interface Placing {
  readonly storage: StoragePlaces;
  readonly clock: Clock;
  /** Puts something of a test's own around the backend of one place. */
  readonly wrapPlace?: ((place: string, backend: Backend) => Backend) | undefined;
}

export interface StoreUse {
  readonly storeName: string;
  /** Nearest first. */
  readonly places: readonly string[];
  readonly quorum: number;
  readonly lock?: LockSpec | undefined;
  /** Every call is answered in time, or fails; of several places that is so anyway. */
  readonly isWatched?: boolean;
}

/** The places of the vault itself, or of its secondary. */
export const useOf = (vaultId: string, layout: VaultLayout, which: 'primary' | 'secondary'): StoreUse => ({
  storeName: vaultId,
  places: layout[which],
  quorum: which === 'primary' ? layout.quorum : Math.floor(layout.secondary.length / 2) + 1,
  isWatched: which === 'secondary',
});

/** Errors: StorePlaceUnsuitable (a place that is not configured, a secret's file). */
export const openPlaces = async (placing: Placing, use: StoreUse): Promise<PlacedStore> => {
  const places = use.places.map((name) => placeNamed(placing.storage, name));
  const writer = await openAs(placing, use, places, false);
  const hasReaper = places.some((place) => place.kind !== 'disk' && place.reaper);
  return { ...writer, reaper: hasReaper ? (await openAs(placing, use, places, true)).backend : writer.backend };
};

/** What dead processes left in those places that answer; only while no other process writes there. */
export const removePlacesLeftovers = async (spec: BackendSpec | Backend): Promise<void> => {
  if ('put' in spec) return;
  if (spec.kind !== 'replicated') return void (await removeLeftovers(spec));
  // a place that is down is found by those who need it
  await Promise.allSettled(spec.copies.map(removeLeftovers));
};

async function openAs(
  { clock, wrapPlace }: Placing,
  { storeName, quorum, lock, isWatched }: StoreUse,
  places: readonly Place[],
  asReaper: boolean,
): Promise<Omit<PlacedStore, 'reaper'>> {
  const specs = await Promise.all(places.map((place) => specOf(place, storeName, { asReaper, ...(lock && { lock }) })));
  const open = (spec: CopySpec, name: string) => wrapPlace?.(name, openBackend(spec)) ?? openBackend(spec);
  const copies = specs.map((spec, index) => ({ name: places[index]!.name, backend: open(spec, places[index]!.name) }));
  const names = places.map(({ name }) => name);
  const spec: BackendSpec = specs.length === 1 ? specs[0]! : { kind: 'replicated', copies: specs, quorum, names };
  const isPlain = specs.length === 1 && !isWatched;
  const backend = isPlain ? copies[0]!.backend : replicatedBackend(copies, quorum, clock);
  return { backend, spec: wrapPlace ? backend : spec };
}
