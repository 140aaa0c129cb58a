import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listItems, updateItem } from '../../db/items.ts';
import { deletePoint } from '../../db/points.ts';
import { putResourceGroup } from '../../db/resourceGroups.ts';
import { collectionName } from '../../vault/snapshotGroup.ts';
import { GROUP, machinePath, makeVault, protect } from '../testing/paths.ts';
import { addPoint } from '../testing/points.ts';
import { SUBSCRIPTION, type TestServer, testServer } from '../testing/testServer.ts';

const NAME = 'AzureBackupRG_westeurope_1';
const SNAPSHOTS = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${NAME}`;
const TYPE = 'providers/Microsoft.Compute/restorePointCollections';

/** A protected machine with a snapshot, as a backup leaves it. */
async function withSnapshot(server: TestServer) {
  await makeVault(server);
  await protect(server);
  const [item] = await listItems(server.db.queries);
  await updateItem(server.db.queries, { ...item!, snapshotGroup: NAME });
  const group = { subscriptionId: SUBSCRIPTION, name: NAME, location: 'westeurope', tags: {}, createdAt: 1 };
  await putResourceGroup(server.db.queries, group);
  await addPoint(server, '1001', 1);
  await addPoint(server, '1002', 0, { snapshot: { snapshotId: 's', deletedAt: 1 } });
  return { item: item!, path: `${SNAPSHOTS}/${TYPE}/${collectionName(item!)}` };
}

test('the snapshots of a machine are shown as its restore point collection', async () => {
  await using server = await testServer();
  const { item, path } = await withSnapshot(server);
  assert.match(path, /\/AzureBackup_web01_\d+$/);
  const { body } = await server.call('GET', path);
  assert.deepEqual(body, {
    id: path,
    name: collectionName(item),
    type: 'Microsoft.Compute/restorePointCollections',
    location: 'westeurope',
    tags: {},
    properties: {
      source: { id: machinePath('web01'), location: 'westeurope' },
      provisioningState: 'Succeeded',
      restorePointCollectionId: item.id,
    },
  });
  const expanded = (await server.call('GET', `${path.toLowerCase()}?$expand=restorePoints`)).body.properties;
  assert.deepEqual(
    expanded.restorePoints.map((point: { name: string }) => point.name),
    ['1001'],
  );
  const point = (await server.call('GET', `${path}/restorePoints/1001`)).body;
  assert.deepEqual(point, expanded.restorePoints[0]);
  assert.equal(point.properties.consistencyMode, 'ApplicationConsistent');
  assert.equal(point.properties.sourceMetadata.storageProfile.osDisk.name, 'disk-1');
  assert.deepEqual(
    point.properties.sourceMetadata.storageProfile.dataDisks.map(({ lun }: { lun: number }) => lun),
    [0],
  );
  assert.equal((await server.call('GET', `${path}/restorePoints/1002`)).status, 404, 'it was let go');
  for (const list of [`${SNAPSHOTS}/${TYPE}`, `/subscriptions/${SUBSCRIPTION}/${TYPE}`])
    assert.deepEqual((await server.call('GET', list)).body.value, [body]);
  assert.deepEqual((await server.call('GET', `${GROUP}/${TYPE}`)).body.value, []);
});

test('neither a collection nor its group is deleted while points need its snapshots, and nobody writes to it', async () => {
  await using server = await testServer();
  const { item, path } = await withSnapshot(server);
  const refused = await server.call('DELETE', path);
  assert.deepEqual([refused.status, refused.body.error.code], [409, 'OperationNotAllowed']);
  const group = await server.call('DELETE', `${SNAPSHOTS}`);
  assert.deepEqual([group.status, group.body.error.code], [409, 'ResourceGroupDeletionBlocked']);
  assert.match(group.body.error.message, /AzureBackup_web01_/);
  assert.ok([404, 405, 501].includes((await server.call('PUT', path, { location: 'westeurope' })).status));
  await deletePoint(server.db.queries, item.id, '1001');
  assert.equal((await server.call('DELETE', path)).status, 204);
  assert.equal((await server.call('GET', path)).status, 404);
  assert.equal((await server.call('DELETE', SNAPSHOTS)).status, 202);
});
