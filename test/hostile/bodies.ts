import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { Route, RouteTable } from '../../src/arm/route.ts';
import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { targetOf } from './targets.ts';

interface Node {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly allOf?: readonly Node[];
}

/** From the body outwards: a field's name, or 0 for the first of a list. */
type Place = readonly (string | 0)[];

interface Field {
  readonly place: Place;
  readonly forms: readonly Node[];
}

/** One of each kind of JSON. */
const KINDS: readonly unknown[] = [null, 7, 'word', true, [], {}];
/** What is longest, largest and least. */
const ABSURD: readonly unknown[] = ['x'.repeat(100_000), -1e308, 2 ** 53, '\u0000', [[[[]]]]];

/** Every field of every body that a route declares, each with values of kinds that it must not have. */
export function wrongFields(
  server: HostileServer,
  tables: readonly RouteTable[],
  valuesAField: number,
): readonly Hostile[] {
  const seen = new Set<TSchema>();
  return tables.flatMap((table) =>
    table.routes.flatMap((route) => {
      // two routes that share a schema share its check
      if (route.body === undefined || seen.has(route.body)) return [];
      seen.add(route.body);
      return wrongBodies(route, valuesAField).map(({ place, body }) => ({
        what: `${route.method} ${route.path}: a wrong ${pathOf(place)}`,
        ask: { method: route.method, target: targetOf(server, table, route), ...json(body) },
        codes: ['InvalidRequestContent', 'InvalidParameter', 'BadRequest', 'ResourceNotFound'],
        target: pathOf(place),
      }));
    }),
  );
}

/** Values that none of the forms takes that the field may have. */
function wrongBodies(route: Route, valuesAField: number): { place: Place; body: unknown }[] {
  return [...placesOf(route.body as Node).values()].flatMap(({ place, forms }) => {
    return [...KINDS, ...ABSURD]
      .filter((value) => !forms.some((form) => Value.Check(form as TSchema, value)))
      .slice(0, valuesAField)
      .map((value) => ({ place, body: around(place, value) }));
  });
}

/** All fields, through unions and lists, with every form that stands there. */
function placesOf(node: Node, at: Place = [], found = new Map<string, Field>()): Map<string, Field> {
  if (at.length > 12) return found;
  const key = at.join('/');
  found.set(key, { place: at, forms: [...(found.get(key)?.forms ?? []), node] });
  for (const [name, child] of Object.entries(node.properties ?? {})) placesOf(child, [...at, name], found);
  if (node.items !== undefined) placesOf(node.items, [...at, 0], found);
  for (const child of [...(node.anyOf ?? []), ...(node.allOf ?? [])]) placesOf(child, at, found);
  return found;
}

const around = (place: Place, value: unknown): unknown =>
  place.reduceRight((inner, step) => (step === 0 ? [inner] : { [step]: inner }), value);

const pathOf = (place: Place): string =>
  place
    .map((step) => (step === 0 ? '[0]' : `.${step}`))
    .join('')
    .replace(/^\./, '') || '$';
