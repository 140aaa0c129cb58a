import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { commitPoint, lastCseq, listCommits, markCommitDeleted, pendingCommits, publishCommit } from '../commits.ts';
import type { Database } from '../database.ts';
import { claimJob, enqueueJob, finishJob } from '../jobs.ts';
import { getPack, listPacks, movePacks, recordPacks, recordSessionPack, storedBytes } from '../packs.ts';
import { adoptPacks } from '../reconciliation.ts';
import { abortSession, beginSession, getSession, listSessions } from '../sessions.ts';
import { insertVault } from '../vaults.ts';
import type { OpenDatabase } from './openedDatabase.ts';
import { backupJob, START, sampleVault } from './samples.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const isLost = (error: unknown) => isCoded(error, 'JobLeaseLost');

/** A claimed job with an open session, and a request to commit its point. */
const ready = async (database: Database, pointId = '1001') => {
  const db = database.queries;
  const queued = await enqueueJob(db, backupJob({ itemId: `item-${pointId}` }));
  const job = (await claimJob(db, 'w', START, 60_000))!;
  assert.equal(job.id, queued.id);
  const session = await beginSession(db, { vaultId: 'vault-1', jobId: job.id, epoch: job.epoch, now: START });
  const request = {
    sessionId: session.id,
    jobId: job.id,
    epoch: job.epoch,
    itemId: 'item-1',
    pointId,
    now: START,
    seal: ({ cseq, previous }: { cseq: number; previous: string | null }) => ({
      name: `rp/item-1/${cseq}`,
      bytes: bytesOf(`${cseq} after ${previous}`),
    }),
  };
  return { job, session, request };
};

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
export const commitContract = (name: string, open: OpenDatabase): void => {
  // biome-ignore lint/complexity/noExcessiveLinesPerFunction: a suite, as in a test file
  void describe(`${name}: commits and packs`, () => {
    test('commits of a vault form one chain, whoever decides', async () => {
      await using opened = await open();
      const other = await opened.again();
      await insertVault(opened.database.queries, sampleVault());
      const readied = [];
      for (let i = 0; i < 8; i++) readied.push((await ready(opened.database, `${i}`)).request);
      const commits = await Promise.all(
        readied.map((request, i) => commitPoint((i % 2 ? other : opened.database).queries, request)),
      );
      const chain = commits.toSorted((a, b) => a.cseq - b.cseq);
      assert.deepEqual(
        chain.map((commit) => commit.cseq),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
      let previous: string | null = null;
      for (const commit of chain) {
        assert.deepEqual(commit.bytes, bytesOf(`${commit.cseq} after ${previous}`));
        previous = createHash('sha256').update(commit.bytes).digest('hex');
        assert.equal(commit.sha256, previous);
      }
      await other[Symbol.asyncDispose]();
    });

    test('a decided commit waits in the outbox until it is published', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const { request, session } = await ready(opened.database);
      const commit = await commitPoint(db, request);
      assert.deepEqual(await pendingCommits(db, 'vault-1'), [commit]);
      assert.equal((await getSession(db, session.id))?.state, 'committing');
      assert.deepEqual(await commitPoint(db, request), commit); // an answer that got lost
      assert.equal(await abortSession(db, session.id, START), false);
      await publishCommit(db, 'vault-1', commit.cseq, START + 1);
      await publishCommit(db, 'vault-1', commit.cseq, START + 2);
      assert.deepEqual(await pendingCommits(db), []);
      assert.deepEqual(
        (await listCommits(db, 'vault-1')).map((one) => one.state),
        ['published'],
      );
      assert.deepEqual(
        (await listSessions(db, { vaultId: 'vault-1', state: 'committed' })).map((one) => one.endedAt),
        [START + 1],
      );
    });

    test('a number once given is never given again', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const first = await commitPoint(db, (await ready(opened.database, '1')).request);
      await publishCommit(db, 'vault-1', first.cseq, START);
      await markCommitDeleted(db, 'vault-1', first.cseq);
      assert.equal((await commitPoint(db, (await ready(opened.database, '2')).request)).cseq, 2);
      assert.equal(await lastCseq(db, 'vault-1'), 2);
      assert.deepEqual(
        (await listCommits(db, 'vault-1')).map((one) => one.cseq),
        [2],
      );
    });

    test('a stale epoch or an aborted session cannot commit', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const { job, request } = await ready(opened.database);
      const heir = (await claimJob(db, 'heir', START + 60_001, 60_000))!;
      assert.equal(heir.id, job.id);
      await assert.rejects(commitPoint(db, request), isLost);
      const next = await beginSession(db, { vaultId: 'vault-1', jobId: heir.id, epoch: heir.epoch, now: START });
      await assert.rejects(commitPoint(db, { ...request, epoch: heir.epoch }), isLost); // the old session was aborted
      assert.equal((await commitPoint(db, { ...request, epoch: heir.epoch, sessionId: next.id })).cseq, 1);
      await assert.rejects(commitPoint(db, { ...request, sessionId: 'none' }), isLost);
    });

    test('a referenced pack is rescued when condemned, and refuses the commit when it goes', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const { session, request } = await ready(opened.database);
      const pack = (packId: string) =>
        ({
          vaultId: 'vault-1',
          packId,
          name: `p/${packId}`,
          kind: 'data',
          sizeBytes: 10,
          slots: 2,
          sessionId: 'another',
          createdAt: START,
        }) as const;
      await recordPacks(db, [pack('a'), pack('b')]);
      await recordPacks(db, [pack('b'), pack('c')]);
      assert.deepEqual(await storedBytes(db, 'vault-1'), { packs: 3, sizeBytes: 30 });
      assert.deepEqual(await movePacks(db, 'vault-1', ['a', 'b'], 'live', 'condemned'), ['a', 'b']);
      await movePacks(db, 'vault-1', ['b'], 'condemned', 'deleting');
      const lost = (error: unknown) => isCoded(error, 'PackNotReferable') && error.target === 'b';
      await assert.rejects(commitPoint(db, { ...request, referencedPacks: ['p/a', 'p/b'] }), lost);
      assert.equal((await getPack(db, 'vault-1', 'a'))?.state, 'condemned'); // nothing of a refused decision stays
      await assert.rejects(commitPoint(db, { ...request, referencedPacks: ['p/unknown'] }), (e) =>
        isCoded(e, 'PackNotReferable'),
      );
      await assert.rejects(commitPoint(db, { ...request, referencedPacks: ['p/a.before'] }), (e) =>
        isCoded(e, 'PackNotReferable'),
      ); // compacted since it was seen
      await recordSessionPack(db, { ...pack('b'), sessionId: session.id }).then(
        () => assert.fail('a pack that is being deleted was taken back'),
        (error: unknown) => assert.ok(lost(error)),
      );
      await recordSessionPack(db, { ...pack('own'), sessionId: session.id });
      await movePacks(db, 'vault-1', ['own'], 'live', 'deleting');
      await assert.rejects(commitPoint(db, request), (e) => isCoded(e, 'PackNotReferable') && e.target === 'own');
      await movePacks(db, 'vault-1', ['own'], 'deleting', 'condemned');
      await commitPoint(db, { ...request, referencedPacks: ['p/a', 'p/c'] });
      assert.deepEqual(
        (await listPacks(db, 'vault-1', { state: 'live' })).map((one) => one.packId),
        ['a', 'c', 'own'],
      );
      assert.deepEqual(
        (await listPacks(db, 'vault-1', { after: 'a', limit: 1 })).map((one) => one.packId),
        ['b'],
      );
      await movePacks(db, 'vault-1', ['b'], 'deleting', 'gone');
      assert.deepEqual(await storedBytes(db, 'vault-1'), { packs: 3, sizeBytes: 30 });
    });

    test('a job that ends leaves no open session, however it ends; a decided one stays decided', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      for (const status of ['Failed', 'Cancelled', 'Completed'] as const) {
        const { job, session } = await ready(opened.database, status);
        await finishJob(db, job.id, job.epoch, { status, now: START + 9 });
        const ended = await getSession(db, session.id);
        assert.deepEqual([ended?.state, ended?.endedAt], ['aborted', START + 9], status);
      }
      const { job, session, request } = await ready(opened.database, 'decided');
      await commitPoint(db, request);
      await finishJob(db, job.id, job.epoch, { status: 'Failed', now: START + 9 });
      assert.equal((await getSession(db, session.id))?.state, 'committing');
    });

    test('packs that were found in the store are taken with their slots and their records', async () => {
      await using opened = await open();
      const db = opened.database.queries;
      const whole = { packId: 'a', name: 'p/a.0', kind: 'data', sizeBytes: 90, slots: 9 } as const;
      const known = { ...whole, vaultId: 'vault-1', sessionId: 's', createdAt: START };
      await recordPacks(db, [known]);
      await movePacks(db, 'vault-1', ['a'], 'live', 'condemned');
      const compacted = { ...whole, name: 'p/a.1', sizeBytes: 30, slots: 8, records: 2 };
      const unknown = { ...compacted, packId: 'b', name: 'p/b.1' };
      await adoptPacks(db, 'vault-1', [compacted, unknown], { sessionId: 'found', now: START });
      const rows = await db.selectFrom('packs').selectAll().orderBy('pack_id').execute();
      assert.deepEqual(
        rows.map((row) => [row.name, row.size_bytes, row.slots, row.records, row.state, row.session_id]),
        [
          ['p/a.1', 30, 8, 2, 'live', 's'],
          ['p/b.1', 30, 8, 2, 'live', 'found'],
        ],
      );
    });

    test('a crash between the decision and the store leaves the decision', async () => {
      await using opened = await open();
      const { request } = await ready(opened.database);
      const commit = await commitPoint(opened.database.queries, request);
      const restarted = await opened.again();
      assert.deepEqual(await pendingCommits(restarted.queries), [commit]);
      await restarted[Symbol.asyncDispose]();
    });
  });
};
