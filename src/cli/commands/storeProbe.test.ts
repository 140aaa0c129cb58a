import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from '../testing/runCli.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-probe-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const placeFile = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

test('store probe shows what a folder keeps, and leaves nothing in it', async () => {
  const { code, stdout, stderr } = await runCli({ cwd: folder }, 'store', 'probe', '--folder', 'vaults', '-o', 'tsv');
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout.split('\n')[0], 'put if absent\ttrue\t');
  assert.equal(stdout.match(/\ttrue\t/g)?.length, 8);
  const left = await readdir(join(folder, 'vaults'), { recursive: true, withFileTypes: true });
  assert.deepEqual(
    left.filter((entry) => entry.isFile()),
    [],
  );
});

test('store probe reads a place from JSON and YAML, and names what is wrong in it', async () => {
  for (const file of [
    await placeFile('place.json', JSON.stringify({ name: 'a', kind: 'disk', folder: join(folder, 'b') })),
    await placeFile('place.yaml', `name: a\nkind: disk\nfolder: ${join(folder, 'b')}\n`),
  ]) {
    const { code, stderr } = await runCli({}, 'store', 'probe', '--place', file, '-o', 'none');
    assert.deepEqual([code, stderr], [0, '']);
  }
  const wrong = await runCli({}, 'store', 'probe', '--place', await placeFile('wrong.yaml', 'kind: tape\nname: a\n'));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /InvalidParameter.*kind.*disk, s3, azureBlob, daemon/);
  const broken = await runCli({}, 'store', 'probe', '--place', await placeFile('broken.json', '{"name": '));
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /'--place <file>' names a file that is no place: .*broken\.json \(.+\)/);
  for (const words of [[], ['--folder', folder, '--place', 'x']]) {
    const none = await runCli({}, 'store', 'probe', ...words);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /one of '--folder <folder>' and '--place <file>'/);
  }
});

test('store probe ends with 1 and says which promises a storage breaks', async () => {
  // it takes every name for taken
  const server = createServer((request, response) => {
    response.writeHead(request.url?.includes('versioning') ? 200 : 412);
    response.end(request.url?.includes('versioning') ? '<VersioningConfiguration/>' : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const secretAccessKeyFile = await placeFile('secret', 'secret\n');
  const place = { name: 'zone-a', kind: 's3', endpoint: `http://127.0.0.1:${port}`, bucket: 'vaults' };
  const file = await placeFile('s3.json', JSON.stringify({ ...place, accessKeyId: 'key', secretAccessKeyFile }));
  const { code, stdout, stderr } = await runCli(
    {},
    'store',
    'probe',
    '--place',
    file,
    '--query',
    '[].kept',
    '-o',
    'tsv',
  );
  server.closeAllConnections();
  server.close();
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^false\n/);
  assert.match(
    stderr,
    /^ERROR: This storage does not keep \d promises .*\n- put if absent: a new name was there already\n/,
  );
  assert.doesNotMatch(stderr + stdout, /secret\b(?!AccessKey)/);
});
