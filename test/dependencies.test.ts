import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const PERMISSIVE = [
  'MIT',
  'MIT-0',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
];

type Versions = Readonly<Record<string, string>>;
interface Manifest {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies: Versions;
  readonly optionalDependencies: Versions;
  readonly devDependencies: Versions;
}

const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const manifest = readJson<Manifest>('package.json');
const lock = readJson<{ packages: Record<string, { version: string; license?: string }> }>(
  'package-lock.json',
).packages;
const [runtime = '', development = ''] = readFileSync('docs/dependencies.md', 'utf8').split('## Development');

/** name → [version, licence] of a table's rows. */
const rows = (table: string): Map<string, [version: string, licence: string]> =>
  new Map([...table.matchAll(/^\| `(\S+)` \| (\S+) \| ([^|]+) \|/gm)].map((row) => [row[1]!, [row[2]!, row[3]!]]));

const declared = (...groups: Versions[]): Map<string, [version: string, licence: string]> =>
  new Map(
    groups
      .flatMap((group) => Object.entries(group))
      .map(([name, version]) => [name, [version, lock[`node_modules/${name}`]?.license ?? 'none in the lockfile']]),
  );

test('docs/dependencies.md lists what package.json has, with version and licence', () => {
  assert.deepEqual(rows(runtime), declared(manifest.dependencies, manifest.optionalDependencies));
  assert.deepEqual(rows(development), declared(manifest.devDependencies));
});

test('every package of the lockfile is under a permissive licence, and says the same of itself', () => {
  const all = Object.entries(lock).filter(([path]) => path !== '');
  assert.ok(all.length > 50);
  const wrong = all.flatMap(([path, { license }]) => {
    const itself = existsSync(`${path}/package.json`) ? readJson<Manifest>(`${path}/package.json`).license : license;
    return isPermissive(license) && itself === license ? [] : [`${path}: ${license}, itself ${itself}`];
  });
  assert.deepEqual(wrong, []);
});

/** Of a choice, one is enough. */
const isPermissive = (licence: string | undefined): boolean =>
  (licence ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((one) => PERMISSIVE.includes(one));
