import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditEvent, appendAudits } from '../../db/audit.ts';
import { VAULT } from '../testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const VALUES = `/subscriptions/${SUBSCRIPTION}/providers/microsoft.insights/eventtypes/management/values`;
const VERSION = '2015-04-01';

const event = (at: number, patch: Partial<AuditEvent> = {}): AuditEvent => ({
  at,
  correlationId: 'corr-1',
  caller: 'object-1',
  callerName: 'keeper',
  action: 'Microsoft.RecoveryServices/vaults/write',
  resourceId: VAULT,
  category: 'Administrative',
  level: 'Informational',
  status: 'Succeeded',
  properties: { n: String(at) },
  ...patch,
});

async function fill(server: TestServer, events: readonly AuditEvent[]): Promise<void> {
  await appendAudits(server.db.queries, events);
}

const list = async (server: TestServer, filter: string, more = '') => {
  const path = `${VALUES}?$filter=${encodeURIComponent(filter)}${more}`;
  const { status, body } = await server.call('GET', path, undefined, VERSION);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};
const SINCE = 'eventTimestamp ge 2026-01-01T00:00:00.000000 and eventTimestamp le 2026-01-31T00:00:00Z';

test('events are listed newest first, by time, group, resource, correlation, caller and status', async () => {
  await using server = await testServer();
  const start = server.clock.now();
  const other = VAULT.replace(/resourceGroups\/[^/]+/, 'resourceGroups/Shop2');
  await fill(server, [
    event(start),
    event(start + 1, { resourceId: `${VAULT}/backupPolicies/p`, callerName: 'guest', caller: 'object-2' }),
    event(start + 2, {
      resourceId: other,
      correlationId: 'corr-2',
      status: 'Failed',
      level: 'Error',
      errorCode: 'Conflict',
    }),
    event(start + 3, { action: 'Microsoft.Compute/virtualMachines/write', resourceId: other }),
  ]);
  const find = async (filter: string): Promise<number[]> =>
    (await list(server, `${SINCE}${filter}`)).value.map(
      (one: { properties: { n: string } }) => Number(one.properties.n) - start,
    );
  assert.deepEqual(await find(''), [3, 2, 1, 0]);
  assert.deepEqual(await find(` and resourceGroupName eq '${VAULT.split('/')[4]?.toUpperCase()}'`), [1, 0]);
  assert.deepEqual(await find(` and resourceUri eq '${VAULT}'`), [0]);
  assert.deepEqual(await find(` and resourceId eq '${other}'`), [3, 2]);
  assert.deepEqual(await find(" and correlationId eq 'corr-2'"), [2]);
  assert.deepEqual(await find(" and caller eq 'guest'"), [1]);
  assert.deepEqual(await find(" and caller eq 'object-2'"), [1]);
  assert.deepEqual(await find(" and status eq 'failed'"), [2]);
  assert.deepEqual(await find(" and resourceProvider eq 'Microsoft.Compute'"), [3]);
  const [failed] = (await list(server, `${SINCE} and correlationId eq 'corr-2'`)).value;
  assert.deepEqual(
    [
      failed.level,
      failed.operationName.value,
      failed.resourceGroupName,
      failed.status.value,
      failed.properties.errorCode,
    ],
    ['Error', 'Microsoft.RecoveryServices/vaults/write', 'Shop2', 'Failed', 'Conflict'],
  );
  assert.match(failed.eventDataId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const [chosen] = (await list(server, SINCE, '&$select=caller , level')).value;
  assert.deepEqual(Object.keys(chosen).sort(), ['caller', 'id', 'level']);
  const wrong = await server.call('GET', `${VALUES}?$filter=eventTimestamp eq 2026-01-01`, undefined, VERSION);
  assert.deepEqual([wrong.status, wrong.body.error.code], [400, 'InvalidFilter']);
});

test('thousands of events are paged without gap or repetition, however rare those that match', async () => {
  await using server = await testServer();
  const start = server.clock.now();
  await fill(
    server,
    Array.from({ length: 1300 }, (_, i) =>
      event(start + Math.floor(i / 3), { caller: i % 100 === 7 ? 'rare' : 'object-1', properties: { n: String(i) } }),
    ),
  );
  const all: number[] = [];
  let { value, nextLink } = await list(server, SINCE);
  for (;;) {
    all.push(...value.map((one: { properties: { n: string } }) => Number(one.properties.n)));
    if (!nextLink) break;
    ({ value, nextLink } = (await server.call('GET', nextLink)).body);
  }
  assert.deepEqual(
    all,
    Array.from({ length: 1300 }, (_, i) => 1299 - i),
  );
  assert.equal((await list(server, `${SINCE} and caller eq 'rare'`)).value.length, 13);
});

test('the log needs a role; its categories do not', async () => {
  await using server = await testServer();
  server.denied.add('Microsoft.Insights/eventtypes/values/read');
  assert.equal((await server.call('GET', VALUES, undefined, VERSION)).status, 403);
  const { body } = await server.call('GET', '/providers/Microsoft.Insights/eventcategories', undefined, VERSION);
  assert.ok(body.value.some(({ value }: { value: string }) => value === 'Administrative'));
});
