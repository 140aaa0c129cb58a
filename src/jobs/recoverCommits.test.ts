import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { pendingCommits } from '../db/commits.ts';
import { CodedError } from '../lib/error.ts';
import type { Backend } from '../store/backend.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import { recoverCommits } from './recoverCommits.ts';
import { MACHINE, VaultRig } from './vaultRig.fixture.ts';

test('a commit that was decided but could never be put is completed after its job has failed', async () => {
  let isFull = true;
  const fullForCommits = (backend: Backend): Backend => ({
    put: async (name, bytes, signal) => {
      if (isFull && name.startsWith('rp/'))
        throw new CodedError('StoreFull', 'No space is left.', { recommendations: ['Make room.'] });
      return backend.put(name, bytes, signal);
    },
    get: (name, range) => backend.get(name, range),
    head: (name) => backend.head(name),
    list: (prefix) => backend.list(prefix),
    delete: (name) => backend.delete(name),
  });
  await using rig = await VaultRig.open({}, { wrap: fullForCommits });
  await rig.host.write(MACHINE, 0, 0, randomBytes(300_000));
  const job = await rig.backUp();
  assert.equal(job.status, 'Failed');
  const [error] = job.errors;
  assert.equal(error!.code, 'StoreFull');
  assert.match(error!.message, /^No space is left\. The point itself is decided: its last object is put as soon/);
  assert.deepEqual(error!.recommendations, ['Make room.']);
  assert.equal((await rig.points()).filter(isVaulted).length, 0, 'not shown before its commit object is there');
  await recoverCommits(rig.tools);
  assert.equal((await pendingCommits(rig.db.queries)).length, 1, 'still full: it stays in the outbox');

  isFull = false;
  await recoverCommits(rig.tools);
  assert.deepEqual(await pendingCommits(rig.db.queries), []);
  const [point] = await rig.points();
  assert.ok(isVaulted(point!));
  assert.deepEqual((await rig.restore(point!)).hashes, await rig.diskHashes());
});
