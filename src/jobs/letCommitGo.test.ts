import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listCommits } from '../db/commits.ts';
import { allPoints } from '../db/points.ts';
import { CodedError } from '../lib/error.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { DAY_MS, over } from './collectRig.fixture.ts';
import { letCommitGo } from './letCommitGo.ts';
import { pruneItem } from './prune.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

test('a commit object goes on the secondary first, and the commit is a root until all are gone', async () => {
  await using rig = await VaultRig.open();
  await rig.host.write(MACHINE, -1, 0, Buffer.from('something'));
  await rig.backUp();
  const { vaultId } = rig.item;
  const vault = await rig.tools.stores.open(vaultId);
  const [commit] = await listCommits(rig.db.queries, vaultId);
  const order: string[] = [];
  const place = (name: string) =>
    over(vault.reaper, {
      delete: async () => {
        order.push(`${name} with ${(await listCommits(rig.db.queries, vaultId)).length} root`);
      },
    });
  const places = { store: vault.store, reaper: place('primary'), secondary: place('secondary') };
  assert.equal(await letCommitGo(rig.tools, places, { commitName: commit!.name, cseq: commit!.cseq }), true);
  const late = 'secondary with 0 root'; // what a replication brought there meanwhile
  assert.deepEqual(order, ['secondary with 1 root', 'primary with 1 root', late]);
  assert.equal((await listCommits(rig.db.queries, vaultId)).length, 0);
});

test('a point whose commit object the storage holds is not restorable, stays a root, and goes later', async () => {
  let isHeld = true;
  await using rig = await VaultRig.open(
    {},
    {
      wrap: (backend) =>
        over(backend, {
          delete: async (name) => {
            if (isHeld && name.startsWith('rp/')) throw new CodedError('StoreObjectLocked', 'it is held');
            await backend.delete(name);
          },
        }),
    },
  );
  const { vaultId, id } = rig.item;
  for (let point = 0; point < 2; point++) {
    await rig.host.write(MACHINE, -1, 0, Buffer.from(`something ${point}`));
    await rig.backUp();
    await rig.clock.turn(40 * DAY_MS);
  }
  await pruneItem(rig.tools, id);
  assert.equal((await allPoints(rig.db.queries, id)).filter(isVaulted).length, 1);
  assert.equal((await listCommits(rig.db.queries, vaultId)).length, 2);
  isHeld = false;
  await pruneItem(rig.tools, id);
  assert.equal((await listCommits(rig.db.queries, vaultId)).length, 1);
  assert.equal((await allPoints(rig.db.queries, id)).length, 1);
});
