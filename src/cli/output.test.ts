import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { UsageError } from './exit.ts';
import { checkQuery, type Format, print } from './output.ts';
import { item, job, point, policy, vault } from './testing/samples.ts';

async function printed(answer: unknown, output: Format, query?: string, env = {}): Promise<string> {
  let stdout = '';
  const stream = { write: (text: string) => (stdout += text) };
  await print(answer, { output, query }, { stdout: stream, stderr: stream, env, cwd: '/' });
  return stdout;
}

test('json is the answer as it came, with the resource group of its id', async () => {
  assert.deepEqual(JSON.parse(await printed(vault, 'json')), { ...vault, resourceGroup: 'rg-north' });
  assert.match(await printed([vault], 'json'), /^\[\n {2}\{\n {4}"id": /);
});

test('jsonc paints only where colours are wanted, and then only paints', async () => {
  const painted = await printed(vault, 'jsonc', undefined, { FORCE_COLOR: '1' });
  assert.equal(stripVTControlCharacters(painted), await printed(vault, 'json'));
  assert.ok(painted.length > (await printed(vault, 'json')).length);
  assert.equal(await printed(vault, 'jsonc'), await printed(vault, 'json'));
  assert.equal(
    await printed(vault, 'jsonc', undefined, { FORCE_COLOR: '1', NO_COLOR: '1' }),
    await printed(vault, 'json'),
  );
});

test('a resource type has its table', async () => {
  const tables = [[vault], [policy], [item], [point], [job('Completed')]];
  const lines = await Promise.all(tables.map((rows) => printed(rows, 'table')));
  assert.deepEqual(lines.join('\n').split('\n'), [
    'Name  Resource Group  Location  State      Soft Delete  Immutability',
    '----  --------------  --------  ---------  -----------  ------------',
    'safe  rg-north        north     Succeeded  AlwaysON',
    '',
    'Name     Resource Group  Type  Schedule                 Time Zone  Instant Days  Items',
    '-------  --------------  ----  -----------------------  ---------  ------------  -----',
    'nightly  rg-north        V1    Weekly 20:30 (Sun, Wed)  UTC        5             1',
    '',
    'Name    Container Name                     Protection State  Last Backup  Last Recovery Point   Policy   Deleted',
    '------  ---------------------------------  ----------------  -----------  --------------------  -------  -------',
    'Web-01  iaasvmcontainerv2;rg-north;Web-01  Protected         Completed    2026-01-04T20:31:05Z  nightly',
    '',
    'Name        Time                  Consistency    Tiers                  Expires',
    '----------  --------------------  -------------  ---------------------  --------------------',
    '7310882001  2026-01-04T20:31:05Z  AppConsistent  InstantRP, HardenedRP  2026-03-29T20:31:05Z',
    '',
    'Name   Operation  Status     Item Name  Start Time (UTC)      Duration',
    '-----  ---------  ---------  ---------  --------------------  ----------',
    'job-7  Backup     Completed  Web-01     2026-01-05T08:00:00Z  1 min 23 s',
    '',
  ]);
});

test('a queried table has the columns of the query', async () => {
  assert.equal(
    await printed([vault], 'table', '[].{name: name, group: resourceGroup, hidden: sku}'),
    'Name  Group\n----  --------\nsafe  rg-north\n',
  );
  assert.equal(
    await printed([vault], 'table', '[].[name, location]'),
    'Column1  Column2\n-------  -------\nsafe     north\n',
  );
  assert.equal(await printed([vault], 'table', '[].name'), 'Result\n------\nsafe\n');
});

test('tsv is one row an element and breaks no row', async () => {
  assert.equal(await printed([vault], 'tsv', '[].[name, tags, sku.tier]'), 'safe\t\t\n');
  assert.equal(await printed(vault, 'tsv', 'name'), 'safe\n');
  assert.equal(await printed([{ a: 'x\ty\nz', b: [1, 2], c: true }], 'tsv'), 'x\\ty\\nz\t2\ttrue\n');
});

test('yaml is the answer in YAML', async () => {
  assert.equal(
    await printed(vault, 'yaml', '{name: name, tags: tags, on: `true`}'),
    'name: safe\ntags:\n  team: blue\non: true\n',
  );
});

test('nothing, null and an empty table print nothing', async () => {
  assert.equal(await printed(undefined, 'json'), '');
  assert.equal(await printed(null, 'yaml'), '');
  assert.equal(await printed(vault, 'json', 'absent'), '');
  assert.equal(await printed(vault, 'none'), '');
  assert.equal(await printed([], 'table'), '');
  assert.equal(await printed([], 'json'), '[]\n');
});

test('a faulty query is a usage error that says where', async () => {
  await assert.rejects(
    checkQuery('[?'),
    (error) => error instanceof UsageError && /'--query <jmespath>'/.test(error.message),
  );
  await checkQuery("[?name=='safe'].id | [0]");
});

test('a terminal never gets control characters out of an answer', async () => {
  const evil = { name: 'a\u001B[2Jb\u009Bc\u202Ed' };
  for (const format of ['table', 'tsv'] as const) {
    assert.doesNotMatch(await printed(evil, format), /\p{Bidi_Control}|(?!\n|\t)\p{Cc}/u);
  }
});
