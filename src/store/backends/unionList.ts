import type { ObjectInfo } from '../backend.ts';
import type { Copy } from './copy.ts';

/** Copies that listed, those that could not, and every object that any of the former has. */
interface Union {
  readonly objects: ReadonlyMap<string, ObjectInfo>;
  readonly failures: readonly { readonly copy: Copy; readonly error: unknown }[];
}

const HEX = '0123456789abcdef';
const ID_FIRST = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/**
 * Prefixes that together hold all of a store's objects under `prefix`, each few enough to be held in memory by name:
 * packs by the folder of their id, commit objects by the first letter of their item.
 */
export const listingParts = (prefix: string): readonly string[] => {
  const packs = [...HEX].flatMap((high) => [...HEX].map((low) => `p/${high}${low}/`));
  const commits = [...ID_FIRST].map((first) => `rp/${first}`);
  const others = ['fmt', 'keys/', 'probe/', 'ck/', 'gc/', 'db/', 'own/'];
  const within = [...others, ...packs, ...commits].filter((part) => part.startsWith(prefix));
  return within.length > 0 ? within : [prefix];
};

/** What the copies have under one prefix. Of two sizes under a name the larger is told: the other was cut off. */
export const unionUnder = async (copies: readonly Copy[], prefix: string): Promise<Union> => {
  const objects = new Map<string, ObjectInfo>();
  const failures: { copy: Copy; error: unknown }[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      try {
        await copy.call(async (_signal, tick) => {
          for await (const object of copy.backend.list(prefix)) {
            tick();
            const known = objects.get(object.name);
            if (!known || known.sizeBytes < object.sizeBytes) objects.set(object.name, object);
          }
        });
      } catch (error) {
        failures.push({ copy, error });
      }
    }),
  );
  return { objects, failures };
};
