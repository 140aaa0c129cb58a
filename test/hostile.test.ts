import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { blobTricks, rightlySigned } from './hostile/blobs.ts';
import { wrongFields } from './hostile/bodies.ts';
import { headerTricks } from './hostile/headers.ts';
import { HostileServer } from './hostile/hostileServer.ts';
import { foreignIds } from './hostile/ids.ts';
import { issuerTricks } from './hostile/issuer.ts';
import { brokenTexts } from './hostile/json.ts';
import { machineTricks } from './hostile/machines.ts';
import { outwardTricks } from './hostile/outward.ts';
import { pathTricks } from './hostile/paths.ts';
import { queryTricks } from './hostile/queries.ts';
import { exchange, rawTricks } from './hostile/raw.ts';
import { assertServes, runAll } from './hostile/run.ts';
import { TABLES } from './hostile/tables.ts';
import { templateTricks } from './hostile/templates.ts';

const IS_LONG = process.env.STRONGROOM_LONG !== undefined;

const server = await HostileServer.open();
after(() => server[Symbol.asyncDispose]());

test('every field of every body, with values it must not have', async (t) => {
  await runAll(t, server, wrongFields(server, TABLES, IS_LONG ? 99 : 1));
});

test('broken texts, content types, prototypes', async (t) => {
  await runAll(t, server, brokenTexts(server, TABLES));
});

test('tricks with paths and names', async (t) => {
  await runAll(t, server, pathTricks(server, TABLES));
});

test('filters, page tokens, versions', async (t) => {
  await runAll(t, server, await queryTricks(server));
});

test('ids of elsewhere, folders outside', async (t) => {
  await runAll(t, server, foreignIds(server, TABLES));
});

test('templates that reach out', async (t) => {
  await runAll(t, server, templateTricks(server));
});

test('webhooks and mails to where nothing may go', async (t) => {
  await runAll(t, server, outwardTricks(server));
});

test('machines named like options, guests told too much', async (t) => {
  await runAll(t, server, machineTricks(server));
});

test('headers of other hosts, methods and callers', async (t) => {
  await runAll(t, server, headerTricks(server));
});

test('the token issuer', async (t) => {
  await runAll(t, server, issuerTricks(server));
});

test('the blob endpoint', async (t) => {
  for (const ask of rightlySigned(server)) assert.equal((await server.ask(ask)).text, 'secret of the box');
  await runAll(t, server, blobTricks(server));
});

test('what is no HTTP, or two kinds of it', async (t) => {
  const tricks = await rawTricks(server);
  const before = server.state();
  const wrong: string[] = [];
  await Promise.all(
    tricks.map(async (trick) => {
      const text = await exchange(server, trick);
      const answers = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
      const isOver = answers.some((status) => status >= 500 && status !== 501 && status !== 505);
      const isLetIn = !trick.isHarmless && answers.some((status) => status < 400);
      const isTooMuch = trick.mayAnswer !== undefined && answers.length > trick.mayAnswer;
      const leaks = text.includes(server.folder) || /node:internal|\.ts:\d|evil\.example/.test(text);
      if (isOver || isLetIn || isTooMuch || leaks) wrong.push(`${trick.what}: ${answers} ${text.slice(0, 300)}`);
    }),
  );
  t.diagnostic(`${tricks.length} hostile requests`);
  assert.deepEqual(wrong, []);
  assert.deepEqual(server.state(), before, 'something changed');
  await assertServes(server);
});

test('bodies that never arrive are given up, and others are served meanwhile', async (t) => {
  const bearer = `authorization: Bearer ${await server.token('owner')}\r\n`;
  const head = `PATCH ${server.vault}?api-version=2024-04-01 HTTP/1.1\r\nhost: localhost:${server.port}\r\n${bearer}`;
  const slow = ['content-length: 100\r\n', 'transfer-encoding: chunked\r\n'].flatMap((length) =>
    Array.from({ length: 20 }, () => `${head}content-type: application/json\r\n${length}\r\n1`),
  );
  const answers = slow.map((part) => exchange(server, { what: 'a slow body', parts: [part] }, 15_000));
  await assertServes(server);
  let left = slow.length;
  for (const answer of answers) void answer.then(() => (left -= 1));
  // connections arrive one after the other; each is given its half minute
  for (; left > 0; await delay(100)) await server.clock.turn(31_000);
  for (const text of await Promise.all(answers)) assert.match(text, /^HTTP\/1\.1 408 .*"RequestTimeout"/s);
  t.diagnostic(`${slow.length} hostile requests`);
  await assertServes(server);
});
