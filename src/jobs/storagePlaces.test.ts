import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { layoutFor, parseStoragePlaces, readStoragePlaces } from './storagePlaces.ts';

const disk = (name: string) => ({ name, kind: 'disk', folder: `/srv/${name}` });
const ALL = ['here', 'a', 'b', 'c', 'far'].map(disk);

test('without a file there is one folder, and every redundancy lies in it', async () => {
  const storage = await readStoragePlaces(undefined, '/srv/stores');
  for (const wanted of ['LocallyRedundant', 'ZoneRedundant', 'GeoRedundant'] as const)
    assert.deepEqual(layoutFor(storage, wanted), { kind: 'local', primary: ['local'], quorum: 1, secondary: [] });
});

test('each redundancy has its places and its quorum', () => {
  const storage = parseStoragePlaces({ places: ALL, local: ['here', 'a'], zones: ['a', 'b', 'c'], secondary: ['far'] });
  const local = { kind: 'local', primary: ['here', 'a'], quorum: 2, secondary: [] };
  assert.deepEqual(layoutFor(storage, 'LocallyRedundant'), local);
  assert.deepEqual(layoutFor(storage, 'GeoRedundant'), { ...local, secondary: ['far'] });
  const zones = { kind: 'zones', primary: ['a', 'b', 'c'], quorum: 2, secondary: [] };
  assert.deepEqual(layoutFor(storage, 'ZoneRedundant'), zones);
});

for (const [wrong, told] of [
  [[], /object with places, local, zones, secondary/],
  [{ places: ALL, local: ['here'], zone: [] }, /zone is not known; legal are places, local, zones, secondary/],
  [{ places: [], local: [] }, /places must be a list of at least one/],
  [{ places: [disk('a'), disk('a')], local: ['a'] }, /two of the name 'a'/],
  [{ places: [disk('a'), { name: 'b', kind: 'disk' }], local: ['a'] }, /places\[1\]\.folder is missing/],
  [{ places: ALL }, /local must name at least one place/],
  [{ places: ALL, local: 'here' }, /local is "here": legal is a list of names of places \(here, a, b, c, far\)/],
  [{ places: ALL, local: ['there'] }, /local has "there"/],
  [{ places: ALL, local: ['here', 'here'] }, /each once/],
  [{ places: ALL, local: ['here'], zones: ['a', 'b'] }, /zones names 2 places; legal are 3 or none/],
  [{ places: ALL, local: ['here'], secondary: ['here'] }, /secondary names 'here', which local names too/],
] as const)
  test(`a configuration is refused: ${told.source.slice(0, 50)}`, () => {
    assert.throws(
      () => parseStoragePlaces(wrong),
      (error) => isCoded(error, 'InvalidParameter') && told.test(error.message),
    );
  });

test('an error names the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-storage-'));
  try {
    const path = join(folder, 'storage.json');
    await assert.rejects(readStoragePlaces(path, folder), /storage\.json cannot be read/);
    await writeFile(path, '{');
    await assert.rejects(readStoragePlaces(path, folder), /storage\.json: it is not JSON/);
    await writeFile(path, JSON.stringify({ places: ALL, local: ['here'] }));
    assert.equal((await readStoragePlaces(path, folder)).places.size, 5);
  } finally {
    await rm(folder, { recursive: true });
  }
});
