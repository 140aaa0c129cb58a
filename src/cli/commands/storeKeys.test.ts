import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { LeafWriter } from '../../store/leafWriter.ts';
import { openBackend } from '../../store/openBackend.ts';
import { readKit } from '../../store/recoveryKit.ts';
import { createStore, openStore } from '../../store/store.ts';
import { writeTree } from '../../store/treeWriter.ts';
import { type CliRun, runCli } from '../testing/runCli.ts';

const CHUNK = 65_536;
const folders: string[] = [];
after(() => Promise.all(folders.map((made) => rm(made, { recursive: true, force: true }))));

let folder: string;
let onFolder: string[];
let key: Uint8Array;
let runs: CliRun[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-keys-'));
  folders.push(folder);
  key = new Uint8Array(randomBytes(32));
  onFolder = ['--folder', at('store')];
  runs = [];
  await writeFile(at('vault.key'), key);
  await writeStore();
});

const at = (name: string): string => join(folder, name);
const cli = async (...words: string[]): Promise<CliRun> => {
  const run = await runCli({ cwd: folder }, 'store', ...words);
  runs.push(run);
  return run;
};
const ok = async (...words: string[]): Promise<string> => {
  const { code, stdout, stderr } = await cli(...words);
  assert.equal(code, 0, stderr);
  return stdout;
};

async function writeStore(): Promise<void> {
  const backend = openBackend({ kind: 'disk', folder: at('store') });
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const store = await createStore(backend, { kind: 'file', bytes: key }, { vaultId: 'v1', clock });
  const parts = { backend, keys: store.workerKeys };
  const leaves = new LeafWriter({ ...parts, chunkSizeBytes: CHUNK });
  const data = randomBytes(2 * CHUNK);
  const leaf = await leaves.writeLeaf(
    {
      index: 0,
      diskSizeBytes: data.length,
      parent: null,
      extents: [{ offset: 0, length: data.length, kind: 'data' }],
      whole: true,
    },
    (offset, length) => data.subarray(offset, offset + length),
  );
  await leaves.finish();
  const root = await writeTree(parts, { sizeBytes: data.length, chunkSizeBytes: CHUNK, leaves: new Map([[0, leaf]]) });
  const { name, bytes } = store.sealCommit({
    ...{ formatVersion: 1, vaultId: 'v1', pointId: 'p1', itemId: 'i1', cseq: 1, takenAt: 0, createdAt: 0 },
    ...{ consistency: 'application', expiresAt: null, lockUntil: null, previous: null, machine: { name: 'web-1' } },
    disks: [{ lun: -1, name: 'os', diskId: 'd1', root }],
  });
  await store.putCommit(name, bytes);
}

test('change-key makes the key to come, and the store opens with that alone', async () => {
  const made = JSON.parse(await ok('change-key', ...onFolder, '--key-file', 'vault.key', '--new-key-file', 'new.key'));
  assert.deepEqual(made, { keysNumber: 2, generation: 1 });
  assert.deepEqual([(await stat(at('new.key'))).mode & 0o777, (await readFile(at('new.key'))).length], [0o600, 32]);
  assert.match(runs[0]!.stderr, /recovery kit of before is out of date/);
  assert.equal((await cli('list', ...onFolder, '--key-file', 'vault.key')).code, 1);
  await ok('list', ...onFolder, '--key-file', 'new.key');
});

test('change-key goes to a passphrase and to what a command prints, and forgets what was before', async () => {
  await writeFile(at('phrase'), 'quince-and-medlar\n');
  await writeFile(at('print-key'), '#!/bin/sh\ncat "$1"\n');
  await chmod(at('print-key'), 0o700);
  await ok('change-key', ...onFolder, '--key-file', 'vault.key', '--new-passphrase-file', 'phrase');
  await ok('list', ...onFolder, '--key-command', at('print-key'), at('phrase'));
  await writeFile(at('key64'), key.toBase64());
  await writeFile(
    at('v1.kek.json'),
    JSON.stringify({ kind: 'command', argv: [at('print-key'), at('key64')], format: 'base64' }),
  );
  const words = ['--passphrase-file', 'phrase', '--new-key-source', 'v1.kek.json', '--forget-old', '-o', 'json'];
  const { forgotten, locked, keysNumber } = JSON.parse(await ok('change-key', ...onFolder, ...words));
  assert.deepEqual({ forgotten, locked, keysNumber }, { forgotten: [1, 2], locked: [], keysNumber: 3 });
  await ok('list', ...onFolder, '--key-source', 'v1.kek.json');
});

test('new-generation adds keys for what is new', async () => {
  const made = JSON.parse(await ok('new-generation', ...onFolder, '--key-file', 'vault.key', '--forget-old'));
  assert.deepEqual(made, { keysNumber: 2, generation: 2, forgotten: [1], locked: [] });
  const store = await openStore(openBackend({ kind: 'disk', folder: at('store') }), { kind: 'file', bytes: key });
  assert.equal(store.workerKeys.generations.length, 2);
});

test('a kit alone proves, lists and restores, also when keys/ is lost', async () => {
  await writeFile(at('kit.txt'), await ok('kit', ...onFolder, '--key-file', 'vault.key', '--vault-name', 'orchard'));
  assert.equal(readKit(await readFile(at('kit.txt'), 'utf8')).vaultName, 'orchard');
  await rm(at('vault.key'));
  const proved = JSON.parse(await ok('drill', ...onFolder, '--kit', 'kit.txt'));
  assert.deepEqual([proved.result, proved.checkedBytes, proved.items], ['PASS', 2 * CHUNK, 1]);
  await rm(at('store/keys'), { recursive: true });
  assert.match(await ok('list', ...onFolder, '--kit', 'kit.txt'), /"p1"/);
  await ok('restore', ...onFolder, '--kit', 'kit.txt', '--point', 'p1', '--target-folder', folder);
  assert.equal((await readFile(at('web-1-os.raw'))).length, 2 * CHUNK);
  const lost = await cli('drill', ...onFolder, '--kit', 'kit.txt', '--sample', '1');
  assert.deepEqual([lost.code, JSON.parse(lost.stdout).result], [1, 'FAIL']);
  assert.match(lost.stderr, /- keys\/1: .*put it back/);
  await ok('unpack-kit', ...onFolder, '--kit', 'kit.txt', '--target-key-file', 'again.key');
  assert.deepEqual(new Uint8Array(await readFile(at('again.key'))), key);
  await ok('list', ...onFolder, '--key-file', 'again.key');
  await ok('drill', ...onFolder, '--kit', 'kit.txt');
});

test('drill says what is wrong: a line, an old kit, a lost chunk, a secret that is needed', async () => {
  const kit = await ok('kit', ...onFolder, '--key-file', 'vault.key');
  await writeFile(
    at('bad.txt'),
    kit.replace(/^(09 K: )(.)/m, (_all, head, symbol) => head + (symbol === '7' ? '8' : '7')),
  );
  const bad = await cli('drill', ...onFolder, '--kit', 'bad.txt');
  assert.deepEqual(
    [bad.code, /\(RecoveryKitInvalid\) Line \d+ of the recovery kit, numbered 09/.test(bad.stderr)],
    [1, true],
    bad.stderr,
  );
  await writeFile(at('kit.txt'), kit);
  await ok('new-generation', ...onFolder, '--key-file', 'vault.key');
  const old = await cli('drill', ...onFolder, '--kit', 'kit.txt');
  assert.deepEqual([old.code, JSON.parse(old.stdout).outOfDate], [0, true]);
  assert.match(old.stderr, /out of date: it holds keys\/1, the store has keys\/2/);
  await rm(at('store/p'), { recursive: true });
  assert.equal((await cli('drill', ...onFolder, '--kit', 'kit.txt')).code, 1);
  await writeFile(at('phrase'), 'quince');
  await ok('change-key', ...onFolder, '--key-file', 'vault.key', '--new-passphrase-file', 'phrase');
  await ok('kit', ...onFolder, '--passphrase-file', 'phrase', '--target-file', 'told.txt');
  const told = await cli('drill', ...onFolder, '--kit', 'told.txt');
  assert.match(told.stderr, /opened by the passphrase of the vault, which was not given/);
});

test('a store in a place is found by the vault id of the kit', async () => {
  await writeFile(at('place.json'), JSON.stringify({ name: 'attic', kind: 'disk', folder }));
  await writeFile(at('kit.txt'), await ok('kit', ...onFolder, '--key-file', 'vault.key'));
  const missing = await cli('drill', '--place', 'place.json', '--kit', 'kit.txt');
  assert.match(missing.stderr, /StoreNotAVault/);
  await ok('drill', '--place', 'place.json', '--store', 'store', '--kit', 'kit.txt');
  const noName = await cli('list', '--place', 'place.json', '--key-file', 'vault.key');
  assert.deepEqual([noName.code, /needs '--store <name>'/.test(noName.stderr)], [2, true]);
});

test('what cannot be carried out is refused before anything is read', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['change-key', '--key-file', 'vault.key', '--new-key-file', 'n'],
      /one of '--folder <folder>' and '--place <file>'/,
    ],
    [['change-key', ...onFolder, '--key-file', 'vault.key'], /one of '--new-key-file <file>', .* must be specified/],
    [['new-generation', ...onFolder, '--kit', 'kit.txt'], /'--kit <file>' does not change keys/],
    [['kit', ...onFolder, '--key-file', 'vault.key', '--target-file', 'vault.key'], /cannot be made: .* \(EEXIST\)/],
    [['drill', ...onFolder], /required option '--kit <file>'/],
    [['drill', ...onFolder, '--kit', 'k', '--sample', '0'], /whole numbers from 1/],
    [['drill', ...onFolder, '--kit', 'gone.txt'], /gone\.txt \(there is no such file\)/],
  ];
  for (const [words, why] of cases) {
    const { code, stderr } = await cli(...words);
    assert.deepEqual([code, why.test(stderr)], [2, true], stderr);
  }
  assert.equal((await cli('list', ...onFolder, '--key-command', 'gone')).code, 1);
});

test('no key and no passphrase is ever printed, but by the kit', async () => {
  await writeFile(at('phrase'), 'quince-and-medlar');
  const argv: string[][] = [
    ['change-key', ...onFolder, '--key-file', 'vault.key', '--new-key-file', 'new.key', '--debug'],
    ['new-generation', ...onFolder, '--key-file', 'new.key', '--forget-old', '--debug'],
    ['kit', ...onFolder, '--key-file', 'new.key', '--target-file', 'kit.txt', '--debug'],
    ['drill', ...onFolder, '--kit', 'kit.txt', '--debug'],
    ['list', ...onFolder, '--kit', 'kit.txt', '--debug'],
    ['change-key', ...onFolder, '--key-file', 'new.key', '--new-passphrase-file', 'phrase', '--debug'],
    ['drill', ...onFolder, '--kit', 'kit.txt', '--passphrase-file', 'phrase', '--debug'],
    ['list', ...onFolder, '--key-file', 'vault.key', '--debug'],
  ];
  for (const words of argv) await cli(...words);
  assert.deepEqual(
    runs.map(({ code }) => code),
    [0, 0, 0, 0, 0, 0, 0, 1],
  );
  const backend = openBackend({ kind: 'disk', folder: at('store') });
  const { workerKeys } = await openStore(backend, { kind: 'passphrase', passphrase: 'quince-and-medlar' });
  const kit = readKit(await readFile(at('kit.txt'), 'utf8'));
  const secrets = [
    ...[key, new Uint8Array(await readFile(at('new.key'))), workerKeys.idKey, workerKeys.nodeKey],
    ...workerKeys.generations.flatMap(({ dataKey, structKey }) => [dataKey, structKey]),
  ];
  const said = [...runs.flatMap(({ stdout, stderr }) => [stdout, stderr]), ...argv.flat()].join('\n');
  for (const secret of secrets)
    for (const spelled of [secret.toHex(), secret.toBase64().slice(0, 20), [...secret.subarray(0, 8)].join(',')])
      assert.equal(said.toLowerCase().includes(spelled.toLowerCase()), false);
  assert.equal(said.includes('quince'), false);
  assert.equal(kit.kek.kind, 'file');
});
