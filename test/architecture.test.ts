import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** The rooms and what each may import; ARCHITECTURE.md draws the same picture. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  vault: ['lib'],
  store: ['lib'],
  nbd: ['lib'],
  blob: ['lib'],
  arm: ['lib'],
  machine: ['lib', 'nbd'],
  db: ['lib', 'vault'],
  identity: ['lib', 'arm', 'db'],
  jobs: ['lib', 'vault', 'store', 'machine', 'nbd', 'blob', 'db'],
  api: ['lib', 'vault', 'arm', 'db', 'jobs'],
  cli: ['lib', 'api/wire', 'store'],
};

const MAX_FILE_LINES = 300;

interface Import {
  readonly from: string;
  readonly to: string;
}

const sources = globSync('src/**/*.ts').sort();
const isTest = (file: string) => /\.(test|contract|fixture)\.ts$/.test(file);
const roomOf = (file: string) => (file.split('/').length > 2 ? file.split('/')[1]! : 'root');

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => ({
    from: file,
    to: normalize(join(dirname(file), match[1]!)),
  }));
}

const imports = sources.flatMap(importsOf);

test('every room imports only what lies below it', () => {
  const wrong = imports.filter(({ from, to }) => {
    const [room, target] = [roomOf(from), roomOf(to)];
    if (room === 'root' || room === target || isTest(from)) return false;
    const allowed = MAY_IMPORT[room] ?? [];
    return (
      !allowed.includes(target) && !allowed.some((prefix) => prefix.includes('/') && to.startsWith(`src/${prefix}/`))
    );
  });
  assert.deepEqual(wrong, []);
});

test('no room reaches into the subfolder of another', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (roomOf(from) === roomOf(to)) return false;
    const inSubfolder = to.split('/').length > 3;
    return inSubfolder && !to.startsWith('src/api/wire/');
  });
  assert.deepEqual(wrong, []);
});

test('imports form no cycle', () => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path, file].join(' → ')}`);
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
});

test('no index file, no barrel, no default export', () => {
  for (const file of sources) {
    assert.ok(!file.endsWith('/index.ts'), file);
    assert.ok(
      !/^export \* from|^export default/m.test(readFileSync(file, 'utf8')),
      `${file}: barrel or default export`,
    );
  }
});

test(`no file is longer than ${MAX_FILE_LINES} lines`, () => {
  const long = sources
    .filter((file) => !isTest(file))
    .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_FILE_LINES);
  assert.deepEqual(long, []);
});

test('time comes from the clock alone', () => {
  const asking = sources.filter(
    (file) =>
      file !== 'src/lib/clock.ts' &&
      !isTest(file) &&
      /\bDate\.now\(|new Date\(\)|Temporal\.Now\b/.test(readFileSync(file, 'utf8')),
  );
  assert.deepEqual(asking, []);
});

test('what only tests use is named so', () => {
  const runtime = new Set(Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies as object));
  for (const file of sources.filter((name) => !isTest(name)))
    for (const match of readFileSync(file, 'utf8').matchAll(/^import (?!type ).*?from '((?:@[^/']+\/)?[^./'][^/']*)/gm))
      assert.ok(match[1]!.startsWith('node:') || runtime.has(match[1]!), `${file} imports ${match[1]}, no dependency`);
});
