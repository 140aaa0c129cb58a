import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordEndedJob } from '../../db/jobs.ts';
import { findVault } from '../../db/vaults.ts';
import { makeVault, VAULT } from '../testing/paths.ts';
import { SUBSCRIPTION, testServer } from '../testing/testServer.ts';

const METRICS = `${VAULT}/providers/Microsoft.Insights/metrics`;

test('health events are counted by interval and dimension; the same error again is persistent', async () => {
  await using server = await testServer();
  await makeVault(server);
  const vault = await findVault(server.db.queries, SUBSCRIPTION, VAULT.split('/')[4] ?? '', 'safe');
  assert.ok(vault);
  const start = server.clock.now();
  const end = async (itemId: string, hour: number, code?: string, operation: 'Backup' | 'Restore' = 'Backup') => {
    const at = start + hour * 3_600_000;
    const errors = code === undefined ? [] : [{ code, message: 'It failed.', recommendations: [] }];
    const job = {
      vaultId: vault.id,
      itemId,
      operation,
      entityFriendlyName: itemId,
      isUserTriggered: false,
      startedBy: 'schedule',
    };
    const status = code === undefined ? ('Completed' as const) : ('Failed' as const);
    await recordEndedJob(server.db.queries, { ...job, startTime: at }, { status, endTime: at + 1000, errors });
  };
  await end('web01', 0);
  await end('web01', 1, 'HostUnavailable');
  await end('web01', 2, 'HostUnavailable');
  await end('db01', 2, 'UserErrorItemSoftDeleted');
  await end('db01', 2, undefined, 'Restore');
  const span = `timespan=2026-01-05T08:00:00Z/2026-01-05T11:00:00Z&interval=PT1H`;
  const get = async (query: string) => {
    const { status, body } = await server.call('GET', `${METRICS}?${span}&${query}`, undefined, '2018-01-01');
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const { value, interval } = await get('metricnames=BackupHealthEvent,RestoreHealthEvent');
  const countsOf = (metric: { timeseries: { data: { count: number }[] }[] }) =>
    metric.timeseries.map(({ data }) => data.map(({ count }) => count));
  assert.deepEqual([interval, countsOf(value[0]), countsOf(value[1])], ['PT1H', [[1, 1, 2]], [[0, 0, 1]]]);
  const [split] = (await get(`metricnames=BackupHealthEvent&$filter=${encodeURIComponent("healthStatus eq '*'")}`))
    .value;
  const byStatus = split.timeseries.map((one: { metadatavalues: { value: string }[]; data: { count: number }[] }) => [
    one.metadatavalues[0]?.value,
    one.data.map(({ count }) => count),
  ]);
  assert.deepEqual(byStatus.sort(), [
    ['Healthy', [1, 0, 0]],
    ['Persistent Unhealthy', [0, 0, 1]],
    ['Transient Degraded', [0, 0, 1]],
    ['Transient Unhealthy', [0, 1, 0]],
  ]);
  const [one] = (await get(`metricnames=BackupHealthEvent&$filter=${encodeURIComponent("datasourceId eq 'WEB01'")}`))
    .value;
  assert.deepEqual(countsOf(one), [[1, 1, 1]]);
  for (const wrong of ['metricnames=Weather', 'metricnames=BackupHealthEvent&interval=PT7S'])
    assert.equal(
      (await server.call('GET', `${METRICS}?timespan=2026-01-05T08:00:00Z/2026-01-05T11:00:00Z&${wrong}`)).status,
      400,
    );
  const definitions = await server.call('GET', `${VAULT}/providers/Microsoft.Insights/metricDefinitions`);
  assert.deepEqual(
    definitions.body.value.map(({ name }: { name: { value: string } }) => name.value),
    ['BackupHealthEvent', 'RestoreHealthEvent'],
  );
});
