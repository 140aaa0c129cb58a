/** A client of the official packages: groups of operations, and a few operations of its own. */
type Client = object;

const NOT_OPERATIONS = ['constructor', 'addCustomApiVersionPolicy', 'sendRequest', 'sendOperationRequest'];

/** Every operation that a client offers, as 'group.operation'; the ways to begin and to await one are one. */
export function operationsOf(client: Client): ReadonlySet<string> {
  const own = methodsOf(client).map(operationName);
  const grouped = groupsOf(client).flatMap(([name, group]) =>
    [...new Set([...Object.keys(group), ...methodsOf(group)])]
      .filter((key) => typeof group[key] === 'function' && !key.startsWith('_'))
      .map((key) => `${name}.${operationName(key)}`),
  );
  return new Set([...own, ...grouped]);
}

/** The same client; what is called of it is told to `note`. */
export function recorded<T extends Client>(client: T, note: (operation: string) => void): T {
  const groups = new Map(groupsOf(client).map(([name, group]) => [name, noting(group, `${name}.`, note)]));
  const noted = noting(client, '', note);
  return new Proxy(noted, {
    get: (target, key, receiver) => groups.get(String(key)) ?? Reflect.get(target, key, receiver),
  });
}

function noting<T extends object>(of: T, prefix: string, note: (operation: string) => void): T {
  return new Proxy(of, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...values: unknown[]): unknown => {
        note(prefix + operationName(String(key)));
        return Reflect.apply(value, target, values);
      };
    },
  });
}

type Group = Readonly<Record<string, unknown>>;

const groupsOf = (client: Client): (readonly [string, Group])[] =>
  Object.entries(client).flatMap(([name, value]) => {
    if (name.startsWith('_') || typeof value !== 'object' || value === null) return [];
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    return isPlain || /Impl$/.test((value as object).constructor.name) ? [[name, value as Group] as const] : [];
  });

const methodsOf = (of: object): string[] => {
  const prototype: unknown = Object.getPrototypeOf(of);
  if (prototype === Object.prototype) return [];
  return Object.entries(Object.getOwnPropertyDescriptors(prototype as object))
    .filter(([name, { value }]) => typeof value === 'function' && !NOT_OPERATIONS.includes(name))
    .map(([name]) => name)
    .filter((name) => !name.startsWith('_') && !/Paging(Page|All)$/.test(name));
};

/** 'beginDeleteAndWait' → 'delete'. */
const operationName = (method: string): string => {
  const bare = method.replace(/AndWait$/, '').replace(/^begin(?=[A-Z])/, '');
  return bare === method ? method : bare.slice(0, 1).toLowerCase() + bare.slice(1);
};
