import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { isCoded } from '../lib/error.ts';
import { runDrillKit } from './drillKit.ts';
import { KeyRig } from './keyRig.fixture.ts';
import { runRotateKeys } from './rotateKeys.ts';
import { MACHINE } from './vaultRig.fixture.ts';

const KEY = new Uint8Array(randomBytes(32));

test('a run of everything leaves no key outside keys/: not in logs, arguments, database, store or cache', async () => {
  await using keys = await KeyRig.open();
  const { rig } = keys;
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  Object.assign(rig.tools, { log, stores: keys.stores });
  await rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
  const first = await keys.stores.keys.read(keys.vaultId);

  assert.equal((await rig.backUp()).status, 'Completed');
  await writeFile(keys.at('phrase'), KEY.toBase64());
  const command = keys.at('print-key');
  await writeFile(command, `#!/bin/sh\necho "$0 $@" > ${keys.at('argv')}\ncat ${keys.at('phrase')}\n`);
  await chmod(command, 0o700);
  const source = { kind: 'command', argv: [command, '--vault', '{vaultId}'], format: 'base64' };
  await writeFile(keys.at(`${keys.vaultId}.kek.next.json`), JSON.stringify(source));
  for (const what of ['changeKey', 'newGeneration', 'forgetOld'])
    await runRotateKeys(await keys.context('RotateKeys', { what }));
  assert.equal((await rig.backUp()).status, 'Completed');
  assert.equal((await runDrillKit(await keys.context('DrillKit'))).status, 'Completed');
  const [point] = await rig.points();
  assert.equal((await rig.restore(point!)).job.status, 'Completed');
  await writeFile(keys.at('phrase'), new Uint8Array(randomBytes(32)).toBase64());
  keys.restart();
  await assert.rejects(keys.stores.open(keys.vaultId), (error) => {
    log.error({ err: error });
    return isCoded(error, 'StoreKeyWrong');
  });

  await writeFile(keys.at('phrase'), KEY.toBase64());
  const { workerKeys } = (await keys.stores.open(keys.vaultId)).store;
  const secrets = [
    ...(first.kind === 'file' ? [first.bytes] : []),
    ...[workerKeys.idKey, workerKeys.nodeKey, KEY],
    ...workerKeys.generations.flatMap(({ dataKey, structKey }) => [dataKey, structKey]),
  ];
  assert.equal(secrets.length, 8);
  const argv = await readFile(keys.at('argv'), 'utf8');
  assert.match(argv, /--vault [0-9a-f-]{36}/);
  assert.ok(logged.length > 0);
  assertHidden(secrets, 'the log', Buffer.from(logged.join('')));
  assertHidden(secrets, 'the arguments', Buffer.from(argv));
  const files = await filesOutsideKeys(rig.folder);
  assert.ok(files.length > 10);
  for (const file of files) assertHidden(secrets, file, await readFile(file));
  assert.throws(() => assertHidden(secrets, 'a spoilt log', Buffer.from(`key ${workerKeys.idKey.toHex()}`)));
});

function assertHidden(secrets: readonly Uint8Array[], where: string, bytes: Buffer): void {
  const text = bytes.toString('latin1').toLowerCase();
  for (const secret of secrets) {
    assert.equal(bytes.includes(secret), false, where);
    for (const spelled of [secret.toHex(), secret.toBase64().slice(0, 20), [...secret.subarray(0, 8)].join(',')])
      assert.equal(text.includes(spelled.toLowerCase()), false, where);
  }
}

async function filesOutsideKeys(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  const found: string[] = [];
  for (const name of names) {
    if (name.split('/')[0] === 'keys' || name.startsWith('restored-')) continue;
    if ((await stat(join(folder, name))).isFile()) found.push(join(folder, name));
  }
  return found;
}
