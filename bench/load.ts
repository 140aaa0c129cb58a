import { constants, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHttp } from '../src/cli/http.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { type Answered, LoadClients } from './loadClients.ts';
import type { ServerFigures } from './loadProbe.ts';
import { loadRequests, type SeededItem } from './loadRequests.ts';
import { type LoadSize, seedHousekeeping, seedLoad } from './loadSeed.ts';
import { LoadServer } from './loadServer.ts';

const VAULTS = 10;
const WHOLE: LoadSize = { items: 10_000, pointsOfItem: 100, jobs: 100_000 };
const REQUESTS_PER_SECOND = 200;
const WARMING_SECONDS = 10;
const SECONDS = 60;
const PARTS = 6;
const GOAL_MS = 50;
const FRESH_MS = 48 * 60 * 60 * 1000;
const MIB = 2 ** 20;

interface Seeded {
  readonly data: string;
  readonly items: readonly SeededItem[];
}

interface Part {
  readonly answered: readonly Answered[];
  readonly server: ServerFigures;
}

/** Lists and filters of a large control plane, asked at a fixed rate by many clients. */
export const load: Bench = {
  name: 'load',
  run: async (context) => {
    const { scale, say } = context;
    const size = {
      items: Math.round(WHOLE.items * scale),
      pointsOfItem: WHOLE.pointsOfItem,
      jobs: Math.round(WHOLE.jobs * scale),
    };
    say(`${VAULTS} vaults, ${size.items} items, ${size.items * size.pointsOfItem} points, ${size.jobs} jobs …`);
    const { data, items } = await seeded(context, size);
    await using server = await LoadServer.start(data);
    const ca = readFileSync(server.client.caFile, 'utf8');
    using http = createHttp(ca);
    const kinds = loadRequests(server, VAULTS, items);
    const token = await server.token(http);
    using clients = new LoadClients(ca, token);
    const parts: Part[] = [];
    await clients.ask(kinds, REQUESTS_PER_SECOND, WARMING_SECONDS); // caches of the database and of the compiler
    await server.figures();
    for (let part = 0; part < PARTS; part++) {
      const answered = await clients.ask(kinds, REQUESTS_PER_SECOND, SECONDS / PARTS);
      parts.push({ answered, server: await server.figures() });
      say(`${((part + 1) * SECONDS) / PARTS} s of ${SECONDS} s`);
    }
    return report(size, parts);
  },
};

function report(size: LoadSize, parts: readonly Part[]): BenchResult {
  const answered = parts.flatMap((part) => part.answered);
  const all = quantiles(answered);
  const server = parts.map((part) => part.server);
  const cpuMs = server.reduce((sum, part) => sum + part.cpuMs, 0) / answered.length;
  const delayMs = Math.max(...server.map((part) => part.delayMaxMs));
  const [first, last] = [server[0]!.residentBytes, server.at(-1)!.residentBytes];
  const kinds = new Set(answered.map(({ kind }) => kind));
  const mib = (bytes: number) => (bytes / MIB).toFixed(0);
  return {
    lines: [
      `${answered.length} requests in ${SECONDS} s; ms from the moment each was due, KiB of an answer`,
      `${'request'.padEnd(36)}      p50      p99      max      KiB`,
      ...[...kinds].map((kind) =>
        lineOf(
          kind,
          answered.filter((one) => one.kind === kind),
        ),
      ),
      lineOf('all', answered),
      `the server: ${cpuMs.toFixed(2)} ms of a processor for a request; its event loop was held up for ${delayMs.toFixed(0)} ms at most`,
      `memory, MiB: ${server.map((part) => `${mib(part.residentBytes)} (heap ${mib(part.heapBytes)})`).join(', ')}`,
    ],
    records: [{ ...size, seconds: SECONDS, requests: answered.length, ...all, cpuMs, delayMs, server }],
    verdicts: [
      {
        target: `lists and filters answer in ${GOAL_MS} ms (p99) at ${REQUESTS_PER_SECOND} requests a second`,
        met: all.p99 <= GOAL_MS,
        measured: `${all.p99.toFixed(1)} ms`,
      },
      {
        target: 'memory stays flat',
        met: last <= first * 1.1 + 32 * MIB,
        measured: `${mib(first)} → ${mib(last)} MiB`,
      },
    ],
  };
}

/** A data folder of this size; a kept one is copied, for the server changes it. */
async function seeded({ folder, kept, say }: BenchContext, size: LoadSize): Promise<Seeded> {
  const data = join(folder, 'data');
  const source = kept === undefined ? data : join(kept, `load-${size.items}-${size.pointsOfItem}-${size.jobs}`);
  const note = join(source, 'items.json');
  if (isFresh(note)) say('a folder that was seeded before is taken up');
  else await seed(source, note, size);
  if (source !== data) cpSync(source, data, { recursive: true, mode: constants.COPYFILE_FICLONE });
  await seedHousekeeping(join(data, 'strongroom.sqlite'), Date.now());
  return { data, items: JSON.parse(readFileSync(note, 'utf8')) as readonly SeededItem[] };
}

/** The seed lies in time: later its schedules would be due. */
const isFresh = (note: string): boolean => existsSync(note) && Date.now() - statSync(note).mtimeMs < FRESH_MS;

async function seed(data: string, note: string, size: LoadSize): Promise<void> {
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  {
    await using server = await LoadServer.start(data);
    using http = createHttp(readFileSync(server.client.caFile, 'utf8'));
    await server.makeVaults(http, VAULTS);
  }
  const items = await seedLoad(join(data, 'strongroom.sqlite'), size, Date.now());
  writeFileSync(note, JSON.stringify(items.map(({ vmName, resourceGroup }) => ({ vmName, resourceGroup }))));
}

const lineOf = (kind: string, answered: readonly Answered[]): string => {
  const { p50, p99, max } = quantiles(answered);
  const kib = answered.reduce((sum, one) => sum + one.bytes, 0) / answered.length / 1024;
  return `${kind.padEnd(36)} ${[p50, p99, max, kib].map((figure) => figure.toFixed(1).padStart(8)).join(' ')}`;
};

function quantiles(answered: readonly Answered[]): { p50: number; p99: number; max: number } {
  const sorted = answered.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
