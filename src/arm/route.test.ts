import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { ok } from './respond.ts';
import { defineRoutes, type Route, route } from './route.ts';
import { armSurface, operationList } from './surface.ts';

const BASE = '/subscriptions/{subscriptionId}/providers/Demo.Wine/cellars' as const;
const common = { action: 'Demo.Wine/cellars/read', summary: 'Reads.' } as const;
const versions = { from: '2020-01-01', to: '2026-01-01' };
const table = (...routes: Route[]) => defineRoutes({ type: 'Demo.Wine/cellars', apiVersions: versions, routes });

test('parameters, body and query are typed from their declarations', () => {
  route({
    ...common,
    method: 'PUT',
    path: `${BASE}/{cellarName}`,
    body: Type.Object({ litres: Type.Number() }),
    handler: ({ params, body }) => {
      const litres: number = body.litres;
      // @ts-expect-error no such parameter
      const none: string = params.barrelName;
      return ok([none, params.cellarName.length, params.subscriptionId.length, litres]);
    },
  });
  // @ts-expect-error a route without an action does not compile
  route({ method: 'GET', path: BASE, summary: 'Reads.', handler: () => ok({}) });
  // @ts-expect-error an action ends in read, write, delete or action
  route({ ...common, action: 'Demo.Wine/cellars/look', method: 'GET', path: BASE, handler: () => ok({}) });
});

test('a table that contradicts itself is refused', () => {
  const one = route({ ...common, method: 'GET', path: `${BASE}/{a}`, handler: () => ok({}) });
  const same = route({
    ...common,
    method: 'GET',
    path: `${BASE.toUpperCase()}/{b}`.replace('{SUBSCRIPTIONID}', '{s}'),
    handler: () => ok({}),
  });
  assert.throws(() => table(one, same), /declared twice/);
  assert.throws(
    () => table(route({ ...common, method: 'GET', path: 'no/slash', handler: () => ok({}) })),
    /not a legal route path/,
  );
  assert.throws(
    () => table(route({ ...common, method: 'GET', path: '/a/:b', handler: () => ok({}) })),
    /not a legal route path/,
  );
});

test('the surface and the operations derive from the table', () => {
  const routes = table(
    route({ ...common, method: 'GET', path: BASE, filter: { name: 'string' }, handler: () => ok({}) }),
    route({ ...common, method: 'GET', path: `${BASE}/{cellarName}`, handler: () => ok({}) }),
    route({
      ...common,
      method: 'POST',
      path: `${BASE}/{cellarName}/air`,
      action: 'Demo.Wine/cellars/air/action',
      summary: 'Airs.',
      answers: ['202 + Location', '204'],
      handler: () => ok({}),
    }),
    route({ ...common, method: 'DELETE', path: BASE, isRefusal: true, handler: () => ok({}) }),
  );
  const surface = armSurface([routes]);
  assert.match(surface, /## Demo\.Wine\/cellars\n\napi-version 2020-01-01 to 2026-01-01/);
  assert.ok(surface.includes(`| GET | \`${BASE}\` | 200 | \`Demo.Wine/cellars/read\` | name | Reads. |`));
  assert.ok(surface.includes('air` | 202 + Location, 204 | `'));
  assert.match(surface, /\| DELETE \| .* \| refused \|/);
  assert.deepEqual(
    operationList([routes], 'demo.wine').map((operation) => operation.name),
    ['Demo.Wine/cellars/air/action', 'Demo.Wine/cellars/read'],
  );
  assert.deepEqual(operationList([routes], 'demo.wine')[0]?.display, {
    provider: 'Demo.Wine',
    resource: 'cellars/air',
    operation: 'action',
    description: 'Airs.',
  });
  assert.deepEqual(operationList([routes], 'other'), []);
});
