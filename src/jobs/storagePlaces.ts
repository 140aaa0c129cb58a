import { readFile } from 'node:fs/promises';
import { CodedError } from '../lib/error.ts';
import { type Place, parsePlace } from '../store/place.ts';
import type { VaultLayout } from '../vault/redundancy.ts';
import type { StorageRedundancy } from '../vault/vault.ts';

/** The places that stores may lie in, and which of them each redundancy uses; docs/storage-places.md. */
export interface StoragePlaces {
  readonly places: ReadonlyMap<string, Place>;
  /** Of locally redundant stores: one, or several copies. */
  readonly local: readonly string[];
  /** Of zone-redundant stores: three, or none. */
  readonly zones: readonly string[];
  /** Of geo-redundant stores, beside `local`. */
  readonly secondary: readonly string[];
}

const ZONES = 3;
const FIELDS = ['places', 'local', 'zones', 'secondary'];

/** One folder, as long as nobody configures anything else. */
export const oneFolder = (folder: string): StoragePlaces => ({
  places: new Map([['local', { kind: 'disk', name: 'local', lock: false, folder }]]),
  local: ['local'],
  zones: [],
  secondary: [],
});

/**
 * The configuration in that file. Without a path: one folder. Errors: InvalidParameter, naming file, field, rule and
 * legal values.
 */
export const readStoragePlaces = async (path: string | undefined, storesFolder: string): Promise<StoragePlaces> => {
  if (path === undefined) return oneFolder(storesFolder);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(`The storage configuration ${path} cannot be read: ${String(cause)}`, 'STRONGROOM_STORAGE', cause);
  });
  try {
    return parseStoragePlaces(parseJson(text));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw invalid(`${path}: ${error.message}`, error.target, error);
  }
};

/** Errors: InvalidParameter. */
export const parseStoragePlaces = (value: unknown): StoragePlaces => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`an object with ${FIELDS.join(', ')} is needed.`);
  const fields = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw invalid(`${unknown} is not known; legal are ${FIELDS.join(', ')}.`, unknown);
  const places = placesOf(fields.places);
  const names = (field: string) => namesOf(fields[field], field, places);
  const storage = { places, local: names('local'), zones: names('zones'), secondary: names('secondary') };
  checkUse(storage);
  return storage;
};

/** The places of a store of that redundancy, as far as they go: what a vault then has is what its layout gives. */
export const layoutFor = ({ local, zones, secondary }: StoragePlaces, wanted: StorageRedundancy): VaultLayout => {
  const isZones = wanted === 'ZoneRedundant' && zones.length > 0;
  const primary = isZones ? zones : local;
  return {
    kind: isZones ? 'zones' : 'local',
    primary,
    quorum: Math.floor(primary.length / 2) + 1,
    secondary: wanted === 'GeoRedundant' ? secondary : [],
  };
};

/** Errors: StorePlaceUnsuitable (a vault lies in a place that is no longer configured). */
export const placeNamed = ({ places }: StoragePlaces, name: string): Place => {
  const place = places.get(name);
  if (place) return place;
  const legal = [...places.keys()].join(', ');
  throw new CodedError('StorePlaceUnsuitable', `The place '${name}' is not configured; configured are: ${legal}.`, {
    target: name,
    recommendations: ['Put the place back into the storage configuration: a vault lies in it.'],
  });
};

function placesOf(value: unknown): ReadonlyMap<string, Place> {
  if (!Array.isArray(value) || value.length === 0)
    throw invalid('places must be a list of at least one place.', 'places');
  const places = value.map((one, index) => parsePlace(one, `places[${index}]`));
  const twice = places.find(({ name }, index) => places.findIndex((other) => other.name === name) !== index);
  if (twice) throw invalid(`places has two of the name '${twice.name}'; each needs its own.`, 'places');
  return new Map(places.map((place) => [place.name, place]));
}

function namesOf(value: unknown, field: string, places: ReadonlyMap<string, Place>): readonly string[] {
  const legal = `legal is a list of names of places (${[...places.keys()].join(', ')}), each once`;
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`${field} is ${JSON.stringify(value)}: ${legal}.`, field);
  const wrong = value.find((name, index) => !places.has(String(name)) || value.indexOf(name) !== index);
  if (wrong !== undefined) throw invalid(`${field} has ${JSON.stringify(wrong)}: ${legal}.`, field);
  return value.map(String);
}

function checkUse({ local, zones, secondary }: StoragePlaces): void {
  if (local.length === 0) throw invalid('local must name at least one place.', 'local');
  if (zones.length !== 0 && zones.length !== ZONES)
    throw invalid(`zones names ${zones.length} places; legal are ${ZONES} or none.`, 'zones');
  const shared = secondary.find((name) => local.includes(name));
  if (shared !== undefined)
    throw invalid(
      `secondary names '${shared}', which local names too: a copy beside the first would go with it.`,
      'secondary',
    );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`it is not JSON: ${String(cause)}`, undefined, cause);
  }
}

const invalid = (message: string, target?: string, cause?: unknown): CodedError =>
  new CodedError('InvalidParameter', message, {
    ...(target === undefined ? {} : { target }),
    ...(cause === undefined ? {} : { cause }),
  });
