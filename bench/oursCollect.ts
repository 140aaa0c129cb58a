import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { enqueueHousekeeping } from '../src/db/housekeeping.ts';
import { getJob } from '../src/db/jobs.ts';
import { openDatabase } from '../src/db/openDatabase.ts';
import type { Schema } from '../src/db/schema.ts';
import { allVaults, insertVault } from '../src/db/vaults.ts';
import { type CollectReport, collectVault } from '../src/jobs/collect.ts';
import { Hosts } from '../src/jobs/context.ts';
import { newHousekeepingJob } from '../src/jobs/housekeeping.ts';
import { JobRunner } from '../src/jobs/runner.ts';
import { VaultStores } from '../src/jobs/vaultStores.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLogger } from '../src/lib/log.ts';
import { inspectPack } from '../src/store/compact.ts';
import { newVault } from '../src/vault/vaultRules.ts';
import { BENCH_KEY } from './benchKey.ts';

/**
 * `catalogue`: makes the database that a server would have of the bench's store. `collect`: lets the point with the
 * lowest number go and frees what it alone needed, without the days of grace that a server leaves in between.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { store: { type: 'string' } },
});
const vaultId = basename(values.store!);
const beside = (name: string) => join(dirname(values.store!), `collect-${name}`);
mkdirSync(beside('keys'), { recursive: true });
writeFileSync(join(beside('keys'), `${vaultId}.key`), BENCH_KEY);
await using db = await openDatabase({ path: beside('db.sqlite') });
const folders = { stores: dirname(values.store!), keys: beside('keys'), cache: beside('cache') };
const stores = new VaultStores(folders, systemClock);

async function catalogue(): Promise<void> {
  const now = systemClock.now();
  const place = { subscriptionId: randomUUID(), resourceGroup: 'orchard', name: 'vault-1', location: 'north' };
  await insertVault(db.queries, newVault({ ...place, id: vaultId }, now));
  await stores.create({ id: vaultId });
  const { store } = await stores.open(vaultId);
  const sessions: Schema['sessions'][] = [];
  const commits: Schema['commits'][] = [];
  for await (const { name, cseq, itemId, pointId } of store.commits()) {
    const sha256 = createHash('sha256')
      .update(await store.backend.get(name))
      .digest('hex');
    const id = randomUUID();
    sessions.push({
      ...{ id, vault_id: vaultId, job_id: id, epoch: 1, state: 'committed', started_at: now, ended_at: now },
      ...{ start_epoch: 0, base_roots: null },
    });
    commits.push({
      ...{ vault_id: vaultId, cseq, session_id: id, item_id: itemId, point_id: pointId, name, sha256, bytes: null },
      ...{ state: 'published', created_at: now },
    });
  }
  await db.queries.insertInto('sessions').values(sessions).execute();
  await db.queries.insertInto('commits').values(commits).execute();
  for await (const { name } of store.backend.list('p/')) {
    const { packId, kind, sizeBytes, slots } = await inspectPack(store.backend, store.structKeys, name);
    const pack = { vault_id: vaultId, pack_id: packId, name, kind, size_bytes: sizeBytes, slots, state: 'live' };
    const row = { ...pack, session_id: sessions[0]!.id, created_at: now } as Schema['packs'];
    await db.queries.insertInto('packs').values(row).execute();
  }
}

async function collect(): Promise<void> {
  const [vault] = await allVaults(db.queries);
  const { store } = await stores.open(vaultId);
  const first = await db.queries.selectFrom('commits').selectAll().orderBy('cseq').limit(1).executeTakeFirstOrThrow();
  await store.backend.delete(first.name);
  await db.queries.updateTable('commits').set({ state: 'deleted' }).where('cseq', '=', first.cseq).execute();
  const tools = { db, clock: systemClock, log: silentLogger, hosts: new Hosts([]), stores, workers: 0 };
  const reports: CollectReport[] = [];
  const settings = { requireDatabaseCopy: false, graceMs: 0, trashMs: 0 };
  const handlers = {
    Collect: async (context: Parameters<typeof collectVault>[0]) => {
      const outcome = await collectVault(context, settings);
      reports.push(outcome.report);
      return outcome;
    },
  };
  const runner = new JobRunner(tools, { owner: 'bench', handlers, concurrency: 1 });
  // condemns; drops and compacts; empties the trash
  for (let run = 0; run < 3; run++) {
    const request = { by: 'bench', parameters: { approved: true } };
    const job = newHousekeepingJob(vault!, 'Collect', systemClock.now(), request);
    const { id } = await enqueueHousekeeping(db.queries, job);
    await runner.runOne();
    const { status, errors } = (await getJob(db.queries, id))!;
    if (status !== 'Completed') throw new Error(JSON.stringify(errors));
  }
  console.log(JSON.stringify(reports.map(({ packs: _packs, ...report }) => report)));
}

if (positionals[0] === 'catalogue') await catalogue();
else await collect();
