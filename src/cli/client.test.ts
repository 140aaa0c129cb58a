import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeArm, SUBSCRIPTION, startFakeArm } from './testing/fakeArm.ts';
import { EagerClock, runCli } from './testing/runCli.ts';
import { vault } from './testing/samples.ts';

let arm: FakeArm;
before(async () => {
  arm = await startFakeArm();
});
after(() => arm[Symbol.asyncDispose]());

const GROUPS = `/subscriptions/${SUBSCRIPTION}/resourcegroups`;
const group = (name: string) => ({ id: `${GROUPS}/${name}`, name, type: 'Microsoft.Resources/resourceGroups' });

test('all pages of a list are read', async () => {
  arm.on('GET', GROUPS, (request) =>
    request.url.searchParams.get('$skipToken') === 'two'
      ? { body: { value: [group('b')] } }
      : { body: { value: [group('a')], nextLink: `${arm.endpoint}${GROUPS}?api-version=2024-11-01&$skipToken=two` } },
  );
  assert.equal((await runCli(arm, 'group', 'list', '--query', '[].name', '-o', 'tsv')).stdout, 'a\nb\n');
});

test('a next page on another server is refused: the token stays with its own', async () => {
  arm.on('GET', GROUPS, { body: { value: [], nextLink: 'https://elsewhere.example/more' } });
  const { code, stderr } = await runCli(arm, 'group', 'list');
  assert.equal(code, 1);
  assert.match(stderr, /\(ServerAnswerInvalid\).*address of another server/);
});

test('a token that the server no longer takes is renewed once', async () => {
  const refused = { status: 401, body: { error: { code: 'ExpiredAuthenticationToken', message: 'Expired.' } } };
  arm.on('GET', vault.id, refused, { body: vault });
  const before = arm.secrets.length;
  assert.equal((await runCli(arm, 'vault', 'show', '-g', 'rg-north', '-n', 'safe')).code, 0);
  assert.equal(arm.secrets.length, before + 2);
  arm.on('GET', vault.id, refused);
  const { code, stderr } = await runCli(arm, 'vault', 'show', '-g', 'rg-north', '-n', 'safe');
  assert.equal(code, 1);
  assert.match(stderr, /ExpiredAuthenticationToken/);
});

test('too many requests: waits as long as the server says, then asks again', async () => {
  const later = {
    status: 429,
    headers: { 'retry-after': '7' },
    body: { error: { code: 'TooManyRequests', message: 'Later.' } },
  };
  arm.on('GET', vault.id, later, later, { body: vault });
  const clock = new EagerClock();
  const start = clock.now();
  assert.equal((await runCli({ ...arm, clock }, 'vault', 'show', '-g', 'rg-north', '-n', 'safe')).code, 0);
  assert.equal(clock.now() - start, 14_000);
});

test('a busy server is asked again for a read, never for a change', async () => {
  const busy = { status: 503, body: { error: { code: 'ServiceUnavailable', message: 'Busy.' } } };
  arm.on('PUT', `${GROUPS}/g`, busy, { body: group('g') });
  const { code } = await runCli(arm, 'group', 'create', '-n', 'g', '-l', 'north');
  assert.equal(code, 1);
  assert.equal(arm.seen.filter((line) => line.startsWith('PUT')).length, 1);
});

test('names are sent encoded, so that none leads elsewhere', async () => {
  await runCli(arm, 'group', 'show', '-n', '../../tenants?x=1');
  assert.match(arm.requests.at(-1)?.url.pathname ?? '', /resourceGroups\/\.\.%2F\.\.%2Ftenants%3Fx%3D1$/);
});

test('an answer that is no JSON is an error, not a crash', async () => {
  arm.on('GET', `${GROUPS}/odd`, { status: 200 });
  const { code, stderr } = await runCli(arm, 'group', 'show', '-n', 'odd');
  assert.equal(code, 1);
  assert.match(stderr, /\(ServerAnswerInvalid\)/);
});
