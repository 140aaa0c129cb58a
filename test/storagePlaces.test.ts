import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../src/lib/clock.ts';
import type { Backend } from '../src/store/backend.ts';
import { createMemoryBackend } from '../src/store/memoryBackend.ts';
import { parsePlace } from '../src/store/place.ts';
import { probeBackend } from '../src/store/probe.ts';

const GUIDE = readFileSync('docs/storage-places.md', 'utf8');
const blocks = (language: string): unknown[] =>
  [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => JSON.parse(match[1]!));

test('the places of the guide can be used as they stand', () => {
  const places = blocks('json place').map((place) => parsePlace(place));
  assert.deepEqual([...new Set(places.map(({ kind }) => kind))].slice(0, 3), ['disk', 's3', 'azureBlob']);
});

test('the bucket policy of the guide gives the worker no right to delete', () => {
  const [policy] = blocks('json') as { Statement: { Sid: string; Principal: { AWS: string[] }; Action: string[] }[] }[];
  const rights = (effect: RegExp) =>
    policy?.Statement.filter(({ Sid, Principal }) => effect.test(Sid) && Principal.AWS.includes('WORKER')).flatMap(
      ({ Action }) => Action,
    ) ?? [];
  assert.ok(rights(/^(?!WorkerNever)/).includes('s3:PutObject'));
  assert.ok(!rights(/^(?!WorkerNever)/).some((right) => /Delete|Bypass|\*/.test(right)));
  assert.ok(rights(/^WorkerNever$/).includes('s3:BypassGovernanceRetention'));
});

test('the guide names every promise of a probe', async () => {
  const inner = createMemoryBackend();
  const lock = { retainedUntil: async () => 1, extend: async () => {} };
  const locked: Backend = Object.assign(Object.create(inner) as Backend, {
    ...{ put: inner.put.bind(inner), get: inner.get.bind(inner), head: inner.head.bind(inner) },
    ...{ list: inner.list.bind(inner), delete: inner.delete.bind(inner), lock, storageNow: async () => 1 },
  });
  const reports = [inner, locked].map((backend) => probeBackend(backend, { clock: systemClock }));
  const promises = (await Promise.all(reports)).flatMap((report) => report.promises.map(({ promise }) => promise));
  assert.equal(new Set(promises).size, 13);
  for (const promise of promises) assert.ok(GUIDE.includes(promise), promise);
});
