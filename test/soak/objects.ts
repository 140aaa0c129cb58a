import type { Backend } from '../../src/store/backend.ts';

/** Kinds of a store's objects, as a fault may hit them. */
export const OBJECT_CLASSES = ['fmt', 'keys', 'data pack', 'meta pack', 'rp', 'ck', 'gc', 'own', 'db'] as const;
export type ObjectClass = (typeof OBJECT_CLASSES)[number];

const KIND_AT = 28;
const DATA = 1;

/** All objects of a store by their class; the header tells what a pack holds. */
export async function objectsByClass(backend: Backend): Promise<ReadonlyMap<ObjectClass, readonly string[]>> {
  const found = new Map<ObjectClass, string[]>();
  for await (const { name } of backend.list('')) {
    const folder = name.split('/')[0]!;
    const kind = folder === 'p' ? await packClass(backend, name) : (folder as ObjectClass);
    if (!OBJECT_CLASSES.includes(kind)) continue;
    found.set(kind, [...(found.get(kind) ?? []), name]);
  }
  return found;
}

const packClass = async (backend: Backend, name: string): Promise<ObjectClass> => {
  const [kind] = await backend.get(name, { offset: KIND_AT, length: 1 });
  return kind === DATA ? 'data pack' : 'meta pack';
};
