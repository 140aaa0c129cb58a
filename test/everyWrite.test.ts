import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Route, RouteTable } from '../src/arm/route.ts';
import { json } from './hostile/hostile.ts';
import { HostileServer } from './hostile/hostileServer.ts';
import { TABLES } from './hostile/tables.ts';
import { targetOf } from './hostile/targets.ts';

const server = await HostileServer.open();
after(() => server[Symbol.asyncDispose]());

const isWrite = ({ method }: Route): boolean => method !== 'GET' && method !== 'HEAD';
const writes = TABLES.flatMap((table) => table.routes.filter(isWrite).map((route) => ({ table, route })));
const isOfLocks = (route: Route): boolean => route.action.startsWith('Microsoft.Authorization/locks/');
const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly challenge: unknown;
}

/** With a body that fits nothing: who may not come in is told so before it is read. */
async function askEach(
  as: 'owner' | 'stranger' | 'nobody',
  some: readonly { table: RouteTable; route: Route }[],
  wrong: (answer: Answer) => boolean,
): Promise<void> {
  const before = server.state();
  const faults: string[] = [];
  const left = [...some];
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { table, route } = next;
      const sent = route.body === undefined ? {} : json({});
      const got = await server.ask({ method: route.method, target: targetOf(server, table, route), as, ...sent });
      const { error } = JSON.parse(got.text || '{}') as { error?: { code?: string } };
      const answer = { status: got.status, code: error?.code, challenge: got.headers['www-authenticate'] };
      if (wrong(answer)) faults.push(`${nameOf(route)}: ${JSON.stringify(answer)}`);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  assert.deepEqual(faults, []);
  assert.deepEqual(server.state(), before, 'something changed');
}

test('every write: nobody is asked to sign in, and nothing changes', async (t) => {
  await askEach(
    'nobody',
    writes,
    ({ status, code, challenge }) =>
      status !== 401 || code !== 'AuthenticationFailed' || !/^Bearer authorization_uri="https:/.test(String(challenge)),
  );
  t.diagnostic(`${writes.length} routes`);
  assert.ok(writes.length > 150, `only ${writes.length} routes write`);
});

test('every write: without a role it is forbidden, and nothing changes', async () => {
  await askEach('stranger', writes, ({ status, code }) => status !== 403 || code !== 'AuthorizationFailed');
});

test('every write: under a lock it is a conflict, for the owner too, and nothing changes', async (t) => {
  const lock = `${server.subscription}/providers/Microsoft.Authorization/locks/still?api-version=2016-09-01`;
  await server.must('PUT', lock, { properties: { level: 'ReadOnly' } });
  // locks themselves can be taken off; what names no subscription cannot be locked
  const lockable = writes.filter(({ route }) => !isOfLocks(route) && route.path.startsWith('/subscriptions/'));
  await askEach('owner', lockable, ({ status, code }) => status !== 409 || code !== 'ScopeLocked');
  t.diagnostic(`${lockable.length} routes`);
  assert.ok(lockable.length > 140);
  await server.must('DELETE', lock);
});

test('every deletion: a lock on the group forbids it, whatever else it lets through', async () => {
  const lock = `${server.group}/providers/Microsoft.Authorization/locks/kept?api-version=2016-09-01`;
  await server.must('PUT', lock, { properties: { level: 'CanNotDelete' } });
  const inGroup = writes.filter(({ route }) => !isOfLocks(route) && route.path.includes('{resourceGroupName}'));
  const deletes = inGroup.filter(({ route }) => route.method === 'DELETE');
  await askEach('owner', deletes, ({ status, code }) => status !== 409 || code !== 'ScopeLocked');
  assert.ok(deletes.length > 20);
  const others = inGroup.filter(({ route }) => route.method !== 'DELETE' && route.body !== undefined);
  for (const { table, route } of others.slice(0, 30)) {
    const got = await server.ask({ method: route.method, target: targetOf(server, table, route), ...json([]) });
    assert.equal(got.status, 400, `${nameOf(route)}: ${got.text}`);
  }
  await server.must('DELETE', lock);
});
