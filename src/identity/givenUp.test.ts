import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { ok } from '../arm/respond.ts';
import { defineRoutes, route } from '../arm/route.ts';
import { systemClock } from '../lib/clock.ts';
import { openHouse, SUBSCRIPTION } from './testing/house.ts';

const PATH = '/subscriptions/{subscriptionId}/providers/Demo.Wine/waits';

test('a caller who goes away aborts the handler', { timeout: 10_000 }, async () => {
  const [begun, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const waits = defineRoutes({
    type: 'Demo.Wine/waits',
    apiVersions: { from: '2020-01-01', to: '2026-01-01' },
    routes: [
      route({
        method: 'GET',
        path: PATH,
        action: 'Demo.Wine/waits/read',
        summary: 'Waits until it is given up.',
        handler: async ({ signal }) => {
          begun.resolve();
          signal.addEventListener('abort', () => aborted.resolve());
          await aborted.promise;
          return ok({});
        },
      }),
    ],
  });
  await using house = await openHouse(systemClock, [waits]);
  const socket = connect({ host: '127.0.0.1', port: house.port, servername: 'localhost', ca: house.tls.caPem });
  const path = `${PATH.replace('{subscriptionId}', SUBSCRIPTION)}?api-version=2021-01-01`;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await house.token()}\r\n\r\n`);
  await begun.promise;
  socket.destroy();
  await aborted.promise;
  assert.ok(socket.destroyed);
});
