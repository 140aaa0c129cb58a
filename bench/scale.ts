import { createHash, randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { enqueueHousekeeping } from '../src/db/housekeeping.ts';
import { getJob } from '../src/db/jobs.ts';
import { openDatabase } from '../src/db/openDatabase.ts';
import type { Schema } from '../src/db/schema.ts';
import { allVaults, insertVault } from '../src/db/vaults.ts';
import { collectVault } from '../src/jobs/collect.ts';
import { Hosts } from '../src/jobs/context.ts';
import { newHousekeepingJob } from '../src/jobs/housekeeping.ts';
import { JobRunner } from '../src/jobs/runner.ts';
import { VaultStores } from '../src/jobs/vaultStores.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLogger } from '../src/lib/log.ts';
import { nodeNamer } from '../src/store/format/chunkId.ts';
import type { PackRecord } from '../src/store/packRecord.ts';
import { PackWriter } from '../src/store/packs/packWriter.ts';
import type { Store } from '../src/store/store.ts';
import { type DiskRoot, leafCount, type NodeRef } from '../src/store/tree.ts';
import { writeTree } from '../src/store/treeWriter.ts';
import { newVault } from '../src/vault/vaultRules.ts';
import { Random } from './random.ts';

/**
 * `create`: an empty vault. `build`: gives it disks whose trees are as those of real ones, while of the data packs only
 * the database's rows are there; several processes may do so at once. `look`: what a collection would do, marking
 * included; a process of its own, so that memory is its own.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: 'string' }, first: { type: 'string', default: '0' }, disks: { type: 'string' } },
});

const TIB = 2 ** 40;
const CHUNK_BYTES = 131_072;
const LEAF_CELLS = 512;
const LEAVES = leafCount(TIB, CHUNK_BYTES);
/** A pack of 16 MiB holds about so many chunks that shrink to a half. */
const PACK_CHUNKS = 250;
/** No day makes more. */
const MOST_PACKS = 2 ** 20;
const POINTS = 30;
/** Leaves of a disk that a day touches, and the share of their chunks. */
const DAY_LEAVES = Math.round(LEAVES * 0.005);
const DAY_CHUNKS = 50;

const random = new Random(17 + Number(values.first));
const at = (name: string) => join(values.folder!, name);
const db = await openDatabase({ path: at('db.sqlite') });
const stores = new VaultStores({ stores: at('stores'), keys: at('keys'), cache: at('cache') }, systemClock);

async function create(): Promise<void> {
  const place = { subscriptionId: crypto.randomUUID(), resourceGroup: 'orchard', name: 'vault-1', location: 'north' };
  const vault = newVault({ ...place, id: crypto.randomUUID() }, systemClock.now());
  await insertVault(db.queries, vault);
  await stores.create(vault);
}

async function build(first: number, disks: number): Promise<{ leaves: number; points: number; packs: number }> {
  const [vault] = await allVaults(db.queries);
  const { store } = await stores.open(vault!.id);
  const made = { leaves: 0, points: 0, packs: 0 };
  for (let disk = first; disk < first + disks; disk++) {
    const builder = new DiskBuilder(store, `machine-${disk}`);
    for (let day = 0; day < POINTS; day++) {
      made.leaves += await builder.day();
      made.points++;
      made.packs += await record(store, builder, disk * POINTS + day + 1);
    }
  }
  return made;
}

/** One disk of 1 TiB and its days. */
class DiskBuilder {
  readonly itemId: string;
  root: DiskRoot | undefined;
  /** Made since they were last taken. */
  packs: (PackRecord & { readonly isReal: boolean })[] = [];
  readonly #store: Store;
  /** Ids of each day's data packs, 16 bytes each. */
  readonly #days: Buffer[] = [];

  constructor(store: Store, itemId: string) {
    this.#store = store;
    this.itemId = itemId;
  }

  async day(): Promise<number> {
    const { backend, workerKeys: keys } = this.#store;
    const onPack = (pack: PackRecord) => void this.packs.push({ ...pack, isReal: true });
    const namer = nodeNamer(keys);
    const writer = new PackWriter({ backend, keys, kind: 'meta', namer, onPack });
    const isFirst = this.root === undefined;
    const touched = isFirst ? Array.from({ length: LEAVES }, (_, leaf) => leaf) : this.#touched();
    this.#addDataPacks(isFirst ? LEAVES * LEAF_CELLS : DAY_LEAVES * DAY_CHUNKS);
    const leaves = new Map<number, NodeRef | null>();
    for (const leaf of touched) {
      const plain = this.#leaf(leaf, isFirst);
      const id = namer(plain);
      leaves.set(leaf, { ...(await writer.add(id, plain)), id: Buffer.from(id).toString('hex') });
    }
    await writer.finish();
    const change = { sizeBytes: TIB, chunkSizeBytes: CHUNK_BYTES, leaves, ...(this.root && { parent: this.root }) };
    this.root = await writeTree({ backend, keys, onPack }, change);
    return touched.length;
  }

  #touched(): readonly number[] {
    const touched = new Set<number>();
    while (touched.size < DAY_LEAVES) touched.add(Math.floor(LEAVES * (random.uint32() / 2 ** 32) ** 2));
    return [...touched];
  }

  #addDataPacks(chunks: number): void {
    const ids = randomFillSync(Buffer.alloc(Math.ceil(chunks / PACK_CHUNKS) * 16));
    this.#days.push(ids);
    for (let at = 0; at < ids.length; at += 16) {
      const packId = ids.toString('hex', at, at + 16);
      const name = `p/${packId.slice(0, 2)}/${packId}.0.${'0'.repeat(64)}`;
      this.packs.push({ packId, name, kind: 'data', sizeBytes: 16 << 20, slots: PACK_CHUNKS, isReal: false });
    }
  }

  /** A leaf as TreeNode.encode writes it, of ids that nobody asks after. */
  #leaf(leaf: number, isFirst: boolean): Uint8Array {
    const packs: Buffer[] = [];
    const numbers = new Map<number, number>();
    const entries = randomFillSync(Buffer.alloc(LEAF_CELLS * 20));
    for (let cell = 0; cell < LEAF_CELLS; cell++) {
      const { day, pack, slot } = this.#placeOf(leaf * LEAF_CELLS + cell, isFirst);
      const key = day * MOST_PACKS + pack;
      let number = numbers.get(key);
      if (number === undefined) {
        number = packs.push(this.#days[day]!.subarray(pack * 16, pack * 16 + 16)) - 1;
        numbers.set(key, number);
      }
      entries.writeUInt16LE(number, cell * 20 + 16);
      entries.writeUInt16LE(slot, cell * 20 + 18);
    }
    const head = Buffer.alloc(8);
    head[0] = 1;
    head.writeUInt16LE(packs.length, 2);
    head.writeUInt32LE(CHUNK_BYTES, 4);
    return Buffer.concat([head, ...packs, entries]);
  }

  #placeOf(chunk: number, isFirst: boolean): { day: number; pack: number; slot: number } {
    if (isFirst || random.below(LEAF_CELLS) >= DAY_CHUNKS)
      return { day: 0, pack: Math.floor(chunk / PACK_CHUNKS), slot: chunk % PACK_CHUNKS };
    const day = 1 + random.below(this.#days.length - 1);
    return { day, pack: random.below(this.#days[day]!.length / 16), slot: random.below(PACK_CHUNKS) };
  }
}

/** The point's rows, as a backup leaves them. */
async function record(store: Store, builder: DiskBuilder, cseq: number): Promise<number> {
  const { vaultId } = store;
  const now = systemClock.now();
  const sessionId = crypto.randomUUID();
  const pointId = `point-${cseq}`;
  const { name, bytes } = store.sealCommit({
    ...{ formatVersion: 1, vaultId, pointId, itemId: builder.itemId, cseq, takenAt: now, createdAt: now },
    ...{ consistency: 'crash', expiresAt: null, lockUntil: null, previous: null, machine: {} },
    disks: [{ lun: 0, name: 'data', diskId: builder.itemId, root: builder.root! }],
  });
  await store.putCommit(name, bytes);
  const packs = builder.packs.splice(0);
  const rows = packs.map(
    ({ packId, name: object, kind, sizeBytes, slots }) =>
      ({
        ...{ vault_id: vaultId, pack_id: packId, name: object, kind, size_bytes: sizeBytes, slots, state: 'live' },
        ...{ session_id: sessionId, created_at: now },
      }) as Schema['packs'],
  );
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const commit = { ...{ vault_id: vaultId, cseq, session_id: sessionId, item_id: builder.itemId }, point_id: pointId };
  await db.transaction(async (tx) => {
    for (let from = 0; from < rows.length; from += 500)
      await tx
        .insertInto('packs')
        .values(rows.slice(from, from + 500))
        .execute();
    await tx
      .insertInto('sessions')
      .values({
        ...{ id: sessionId, vault_id: vaultId, job_id: sessionId, epoch: 1, state: 'committed', started_at: now },
        ...{ ended_at: now, start_epoch: 0, base_roots: null },
      })
      .execute();
    await tx
      .insertInto('commits')
      .values({ ...commit, name, sha256, bytes: null, state: 'published', created_at: now })
      .execute();
  });
  return packs.length;
}

async function look(): Promise<object> {
  const [vault] = await allVaults(db.queries);
  const tools = { db, clock: systemClock, log: silentLogger, hosts: new Hosts([]), stores, workers: 0 };
  const request = { by: 'bench', parameters: { dryRun: true } };
  const job = newHousekeepingJob(vault!, 'Collect', systemClock.now(), request);
  const { id } = await enqueueHousekeeping(db.queries, job);
  let report: object = {};
  const runner = new JobRunner(tools, {
    owner: 'bench',
    handlers: {
      Collect: async (context) => {
        const outcome = await collectVault(context, { requireDatabaseCopy: false });
        const { packs: _packs, ...summary } = outcome.report;
        report = summary;
        return outcome;
      },
    },
    concurrency: 1,
  });
  await runner.runOne();
  const { status, errors } = (await getJob(db.queries, id))!;
  if (status !== 'Completed') throw new Error(JSON.stringify(errors));
  return report;
}

if (positionals[0] === 'create') await create();
else if (positionals[0] === 'build')
  console.log(JSON.stringify(await build(Number(values.first), Number(values.disks))));
else console.log(JSON.stringify(await look()));
await db[Symbol.asyncDispose]();
