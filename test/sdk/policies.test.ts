import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AzureIaaSVMProtectionPolicy, RecoveryServicesBackupClient } from '@azure/arm-recoveryservicesbackup';
import { makeVault } from '../../src/api/testing/paths.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../../src/api/testing/testServer.ts';

type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof RecoveryServicesBackupClient>[2]>['httpClient']>;

/** The official client, its requests handed to the server without a network. */
function clientOf(server: TestServer): RecoveryServicesBackupClient {
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const { pathname, search } = new URL(request.url);
      const answer = await server.app.inject({
        method: request.method as 'GET',
        url: pathname + search,
        headers: Object.fromEntries(request.headers),
        ...(typeof request.body === 'string' ? { payload: request.body } : {}),
      });
      const headers = request.headers;
      for (const [name] of headers) headers.delete(name);
      for (const [name, value] of Object.entries(answer.headers))
        if (value !== undefined) headers.set(name, String(value));
      return { request, headers, status: answer.statusCode, bodyAsText: answer.body };
    },
  };
  const credential = { getToken: async () => ({ token: 'any', expiresOnTimestamp: Date.UTC(2100, 1) }) };
  const options = { endpoint: 'https://vault.example:8443', httpClient, retryOptions: { maxRetries: 0 } };
  return new RecoveryServicesBackupClient(credential, SUBSCRIPTION, options);
}

const at = new Date('2026-05-13T20:30:00Z');
const keep = (count: number, durationType: string) => ({
  retentionTimes: [at],
  retentionDuration: { count, durationType },
});

const POLICIES: Record<string, AzureIaaSVMProtectionPolicy> = {
  weekly: {
    backupManagementType: 'AzureIaasVM',
    policyType: 'V1',
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicy',
      scheduleRunFrequency: 'Weekly',
      scheduleRunDays: ['Sunday', 'Wednesday'],
      scheduleRunTimes: [at],
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      weeklySchedule: { daysOfTheWeek: ['Sunday', 'Wednesday'], ...keep(12, 'Weeks') },
      monthlySchedule: {
        retentionScheduleFormatType: 'Weekly',
        retentionScheduleWeekly: { daysOfTheWeek: ['Sunday'], weeksOfTheMonth: ['First', 'Last'] },
        ...keep(60, 'Months'),
      },
    },
    tieringPolicy: { ArchivedRP: { tieringMode: 'TierAfter', duration: 6, durationType: 'Months' } },
    instantRPDetails: { azureBackupRGNamePrefix: 'snapshots-', azureBackupRGNameSuffix: '-of-shop' },
    instantRpRetentionRangeInDays: 5,
    timeZone: 'Tokyo Standard Time',
  },
  hourly: {
    backupManagementType: 'AzureIaasVM',
    policyType: 'V2',
    schedulePolicy: {
      schedulePolicyType: 'SimpleSchedulePolicyV2',
      scheduleRunFrequency: 'Hourly',
      hourlySchedule: { interval: 4, scheduleWindowStartTime: at, scheduleWindowDuration: 24 },
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      dailySchedule: keep(180, 'Days'),
      yearlySchedule: {
        monthsOfYear: ['January', 'July'],
        retentionScheduleFormatType: 'Daily',
        retentionScheduleDaily: {
          daysOfTheMonth: [
            { date: 1, isLast: false },
            { date: 0, isLast: true },
          ],
        },
        ...keep(10, 'Years'),
      },
    },
    instantRpRetentionRangeInDays: 17,
    timeZone: 'Pacific/Auckland',
  },
};

for (const [name, sent] of Object.entries(POLICIES)) {
  test(`the official client reads back the policy it sent, field by field: ${name}`, async () => {
    await using server = await testServer();
    await makeVault(server);
    const client = clientOf(server);
    const made = await client.protectionPolicies.createOrUpdate('safe', 'Shop', name, { properties: sent });
    const read = await client.protectionPolicies.get('safe', 'Shop', name);
    assert.deepEqual(made, read);
    const shown = JSON.parse(JSON.stringify(read.properties)) as Record<string, unknown>;
    assertWithin(JSON.parse(JSON.stringify(sent)), shown, 'properties');
    assert.equal(shown.protectedItemsCount, 0);
    const again = await client.protectionPolicies.createOrUpdate('safe', 'Shop', name, {
      properties: read.properties!,
    });
    assert.deepEqual(again, read, 'what was read can be sent back');
    const listed: string[] = [];
    for await (const { name: one } of client.backupPolicies.list('safe', 'Shop', {
      filter: "backupManagementType eq 'AzureIaasVM' and workloadType eq 'VM'",
    }))
      listed.push(one ?? '');
    assert.ok(listed.includes(name));
    await client.protectionPolicies.beginDeleteAndWait('safe', 'Shop', name);
    await assert.rejects(client.protectionPolicies.get('safe', 'Shop', name), { statusCode: 404 });
  });
}

test('the official client polls a change of many machines, and reads every detail of a refusal', async () => {
  await using server = await testServer();
  await makeVault(server);
  const client = clientOf(server);
  await client.protectionPolicies.createOrUpdate('safe', 'Shop', 'hourly', { properties: POLICIES.hourly! });
  const wrong = { ...POLICIES.hourly!, timeZone: 'Nowhere', instantRpRetentionRangeInDays: 18 };
  await assert.rejects(
    client.protectionPolicies.createOrUpdate('safe', 'Shop', 'hourly', { properties: wrong }),
    (error: { code?: string; details?: { error?: { details?: { target: string }[] } } }) => {
      assert.equal(error.code, 'BMSUserErrorInvalidPolicyInput');
      const targets = error.details?.error?.details?.map(({ target }) => target);
      assert.deepEqual(targets, ['timeZone', 'instantRpRetentionRangeInDays']);
      return true;
    },
  );
  await assert.rejects(client.protectionPolicyOperationStatuses.get('safe', 'Shop', 'hourly', 'unknown'), {
    statusCode: 404,
  });
});

/** Every field that was sent is there, and says the same. */
function assertWithin(sent: unknown, shown: unknown, path: string): void {
  if (typeof sent !== 'object' || sent === null) {
    assert.equal(shown, sent, path);
    return;
  }
  for (const [key, value] of Object.entries(sent))
    assertWithin(value, (shown as Record<string, unknown> | undefined)?.[key], `${path}.${key}`);
}
