import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditEvent, appendAudit, appendAudits, auditHead } from './audit.ts';
import { pageOfAudit, pruneAudit, verifyAudit } from './auditChain.ts';
import type { Database } from './database.ts';
import { openDatabase } from './openDatabase.ts';

const event = (at: number): AuditEvent => ({
  ...{ at, correlationId: 'c', caller: 'who', callerName: 'Who', action: 'A/b/write', resourceId: '/X/y' },
  ...{ category: 'Administrative', level: 'Informational', status: 'Succeeded', properties: {} },
});

async function filled(count: number): Promise<Database> {
  const db = await openDatabase({ path: ':memory:' });
  await appendAudits(
    db.queries,
    Array.from({ length: count }, (_, index) => event(index + 1)),
  );
  return db;
}

test('a chain is whole until one event of it is changed, taken out, put in or cut off', async () => {
  const changes: Record<string, (db: Database) => Promise<unknown>> = {
    'text changed': (db) =>
      db.queries
        .updateTable('audit_events')
        .set({ body: JSON.stringify(event(99)) })
        .where('seq', '=', 5)
        .execute(),
    'column changed': (db) => db.queries.updateTable('audit_events').set({ at: 99 }).where('seq', '=', 5).execute(),
    'taken out': (db) => db.queries.deleteFrom('audit_events').where('seq', '=', 5).execute(),
    'first taken out': (db) => db.queries.deleteFrom('audit_events').where('seq', '=', 1).execute(),
  };
  for (const [what, change] of Object.entries(changes)) {
    await using db = await filled(10);
    assert.deepEqual((await verifyAudit(db.queries)).faults, [], what);
    await change(db);
    assert.notEqual((await verifyAudit(db.queries)).faults.length, 0, what);
  }
  await using db = await filled(10);
  const noted = await auditHead(db.queries);
  await db.queries.deleteFrom('audit_events').where('seq', '>', 7).execute();
  assert.deepEqual((await verifyAudit(db.queries)).faults, [], 'a cut end cannot be seen from inside');
  assert.equal((await verifyAudit(db.queries, [noted])).faults[0]?.seq, 8);
  for (let at = 8; at <= 12; at += 1) await appendAudit(db.queries, event(at * 2));
  assert.equal((await verifyAudit(db.queries, [noted])).faults[0]?.seq, 10, 'made anew');
});

test('old events go, and what is left can still be verified', async () => {
  await using db = await filled(2500);
  assert.equal(await pruneAudit(db.queries, 1501, 5000), 1500);
  const verdict = await verifyAudit(db.queries);
  assert.deepEqual([verdict.faults, verdict.first, verdict.events], [[], 1501, 1001]);
  const [newest] = await pageOfAudit(db.queries, 1);
  assert.equal(newest?.action, 'Strongroom.Identity/auditEvents/delete');
  assert.equal(newest?.properties.events, '1500');
  await db.queries.deleteFrom('audit_events').where('seq', '=', 1501).execute();
  assert.notEqual((await verifyAudit(db.queries)).faults.length, 0, 'no more than was told');
  assert.equal(await pruneAudit(db.queries, 1, 5000), 0);
});

test('a chain of which all went goes on', async () => {
  await using db = await filled(3);
  assert.equal(await pruneAudit(db.queries, 100, 200), 3);
  await appendAudit(db.queries, event(300));
  const verdict = await verifyAudit(db.queries);
  assert.deepEqual([verdict.faults, verdict.head.seq], [[], 5]);
});
