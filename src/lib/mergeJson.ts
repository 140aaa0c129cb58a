type Json = Readonly<Record<string, unknown>>;

/** JSON merge patch: objects field by field, everything else replaced; null removes. */
export function mergeJson(before: Json, patch: Json): Json {
  const after = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(patch)) {
    const old = after.get(name);
    if (value === null) after.delete(name);
    else after.set(name, isObject(value) ? mergeJson(isObject(old) ? old : {}, value) : value);
  }
  return Object.fromEntries(after);
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
