import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Type } from 'typebox';
import { openDevCa } from '../identity/devCa.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/log.ts';
import { ok } from './respond.ts';
import { defineRoutes, route } from './route.ts';
import { createArmServer } from './server.ts';

test('the signal of a request with a body stays quiet until its answer is over, over a real connection', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-signal-'));
  const { tls, caPem } = await openDevCa({ folder, clock: systemClock });
  const table = defineRoutes({
    type: 'Demo.Wine/casks',
    apiVersions: { from: '2020-01-01', to: '2026-01-01' },
    routes: [
      route({
        method: 'PUT',
        path: '/subscriptions/{subscriptionId}/providers/Demo.Wine/casks/{caskName}',
        action: 'Demo.Wine/casks/write',
        summary: 'Takes a while after its body was read.',
        body: Type.Object({}),
        handler: async ({ signal }) => {
          for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
          return ok({ aborted: signal.aborted });
        },
      }),
    ],
  });
  const app = await createArmServer({
    tls,
    baseUrl: 'https://localhost',
    providers: [table],
    authenticate: async () => ({ objectId: 'o', tenantId: 't', appId: 'a', name: 'n' }),
    authorize: async () => true,
    authorizationUri: 'https://localhost/t',
    log: silentLogger,
    clock: systemClock,
  });
  t.after(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const subscription = '11111111-2222-4333-8444-555555555555';
  const call = request({
    host: '127.0.0.1',
    port,
    ca: caPem,
    method: 'PUT',
    path: `/subscriptions/${subscription}/providers/Demo.Wine/casks/oak?api-version=2024-01-01`,
    headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
  });
  call.end('{}');
  const [answer] = await once(call, 'response');
  const text = Buffer.concat(await answer.toArray()).toString();
  assert.deepEqual([answer.statusCode, text], [200, '{"aborted":false}']);
});
