import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putDamage } from '../db/damages.ts';
import { itemPath, makeVault, protect } from './testing/paths.ts';
import { addPoint } from './testing/points.ts';
import { testServer } from './testing/testServer.ts';

const ITEM = itemPath('web01');
const POINTS = `${ITEM}/recoveryPoints`;

test('recovery points are listed newest first, between the dates asked for', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  for (const [id, daysAgo] of [
    ['1001', 9],
    ['1002', 5],
    ['1003', 1],
  ] as const)
    await addPoint(server, id, daysAgo);
  await addPoint(server, '1000', 40, {
    snapshot: { snapshotId: 's', deletedAt: 1 },
    vaulted: { commitName: 'c', cseq: 1, storedAt: 1, deletedAt: 2 },
  });
  const list = async (query: string) =>
    (await server.call('GET', `${POINTS}${query}`)).body.value.map((point: { name: string }) => point.name);
  assert.deepEqual(await list(''), ['1003', '1002', '1001']);
  const range = "?$filter=endDate eq '2026-01-02 12:00:00 AM' and startDate eq '2025-12-29 12:00:00 AM'";
  assert.deepEqual(await list(range), ['1002']);
  const page = await server.call('GET', `${POINTS}?$top=2`);
  const next = await server.call('GET', page.body.nextLink);
  assert.deepEqual([page.body.value.length, next.body.value[0].name, next.body.nextLink], [2, '1001', undefined]);
  const item = (await server.call('GET', ITEM)).body.properties;
  assert.equal(item.lastRecoveryPoint, '2026-01-04T08:00:00.000Z');
  assert.equal(item.extendedInfo.recoveryPointCount, 3);
  assert.equal(item.extendedInfo.oldestRecoveryPointInVault, '2025-12-27T08:00:00.000Z');
  assert.deepEqual(await list("?$filter=restorePointQueryType eq 'Full' and extendedInfo eq true"), [
    '1003',
    '1002',
    '1001',
  ]);
  assert.deepEqual(await list("?$filter=restorePointQueryType eq 'Log'"), []);
  assert.deepEqual(await list('?$filter=moveReadyRPOnly eq true'), []);
  for (const wrong of ["restorePointQueryType eq 'Big'", "startDate eq '2026-01-02' and endDate eq '2026-01-01'"]) {
    const refused = await server.call('GET', `${POINTS}?$filter=${wrong}`);
    assert.deepEqual([refused.status, refused.body.error.code], [400, 'InvalidFilter'], wrong);
  }
  const move = await server.call('POST', `${ITEM}/recoveryPointsRecommendedForMove`, { excludedRPList: [] });
  assert.deepEqual(move.body, { value: [] });
});

test('a recovery point shows its tiers, consistency, disks and end', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  await addPoint(server, '1001', 3, {
    snapshot: { snapshotId: 's', deletedAt: 1 },
    consistency: 'crash',
    consistencyReason: 'The agent did not answer.',
  });
  const { body } = await server.call('GET', `${POINTS}/1001`);
  assert.match(body.id, /\/protectedItems\/vm;iaasvmcontainerv2;Shop;web01\/recoveryPoints\/1001$/);
  assert.deepEqual(body.properties, {
    objectType: 'IaasVMRecoveryPoint',
    recoveryPointType: 'CrashConsistent',
    recoveryPointTime: '2026-01-02T08:00:00.000Z',
    recoveryPointTierDetails: [
      { type: 'InstantRP', status: 'Deleted' },
      { type: 'HardenedRP', status: 'Valid', extendedInfo: { expiryTime: '2026-02-01T08:00:00.000Z' } },
    ],
    recoveryPointAdditionalInfo: 'The agent did not answer.',
    sourceVMStorageType: 'NormalStorage',
    isSourceVMEncrypted: false,
    isInstantIlrSessionActive: false,
    isManagedVirtualMachine: true,
    originalStorageAccountOption: false,
    osType: 'Linux',
    zones: [],
    isPrivateAccessEnabledOnAnyDisk: false,
    recoveryPointDiskConfiguration: {
      numberOfDisksIncludedInBackup: 2,
      numberOfDisksAttachedToVm: 3,
      includedDiskList: [
        { lun: -1, name: 'disk-1' },
        { lun: 0, name: 'disk0' },
      ],
      excludedDiskList: [{ lun: 5, name: 'disk5' }],
    },
    recoveryPointMoveReadinessInfo: {
      ArchivedRP: { isReadyForMove: false, additionalInfo: 'This vault has no archive tier.' },
    },
    recoveryPointProperties: {
      expiryTime: '2026-02-01T08:00:00.000Z',
      ruleName: 'daily, weekly',
      isSoftDeleted: false,
    },
    strongroom: {},
  });
  const none = await server.call('GET', `${POINTS}/999`);
  assert.deepEqual(
    [none.status, none.body.error.code, none.body.error.target],
    [404, 'ResourceNotFound', 'recoveryPointId'],
  );
});

test('a point in the vault tells when it was verified, and which ranges of its disks are damaged', async () => {
  await using server = await testServer();
  await makeVault(server);
  await protect(server);
  const { itemId, vaultId } = await addPoint(server, '1', 1);
  await addPoint(server, '2', 2);
  const foundAt = Date.parse('2026-03-02T09:00:00Z');
  const ranges = [{ offset: 131_072, length: 131_072 }];
  const disks = [{ lun: 0, name: 'disk0', ranges, rangeCount: 1, sizeBytes: 131_072 }];
  await putDamage(server.db.queries, { vaultId, itemId, pointId: '1', foundAt, disks });
  await server.db.queries.updateTable('points').set({ verified_at: foundAt }).where('id', '=', '2').execute();
  const { body } = await server.call('GET', `${itemPath('web01')}/recoveryPoints`);
  assert.deepEqual(
    body.value.map(({ properties }: { properties: { strongroom: unknown } }) => properties.strongroom),
    [{ damage: { foundAt: '2026-03-02T09:00:00.000Z', disks, notes: [] } }, { verifiedAt: '2026-03-02T09:00:00.000Z' }],
  );
  const one = await server.call('GET', `${itemPath('web01')}/recoveryPoints/1`);
  assert.deepEqual(one.body.properties.strongroom.damage.disks, disks);
});
