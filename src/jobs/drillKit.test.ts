import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { changeKey, newGeneration } from '../store/keyChanges.ts';
import { readKit } from '../store/recoveryKit.ts';
import { runDrillKit } from './drillKit.ts';
import { KeyRig } from './keyRig.fixture.ts';
import { MACHINE } from './vaultRig.fixture.ts';

const drill = async (keys: KeyRig) => runDrillKit(await keys.context('DrillKit'));
const page = (keys: KeyRig) => keys.at(`${keys.vaultId}.recovery-kit.txt`);

describe('the weekly drill of the recovery kit', () => {
  it('opens points with the page alone and remembers that it did', async () => {
    await using keys = await KeyRig.open();
    await keys.rig.host.write(MACHINE, -1, 0, randomBytes(300_000));
    assert.equal((await keys.rig.backUp()).status, 'Completed');
    const { status, propertyBag } = await drill(keys);
    assert.deepEqual([status, propertyBag?.['Items opened']], ['Completed', '1']);
    assert.ok(Number(propertyBag?.['Bytes opened']) > 0);
    const { ok, drilledAt, keysNumber } = (await keys.kit()) ?? {};
    assert.deepEqual([ok, drilledAt, keysNumber], [true, keys.rig.clock.now(), 1]);
  });

  it('writes the page that an older vault never had', async () => {
    await using keys = await KeyRig.open();
    await rm(page(keys));
    await keys.rig.db.queries.deleteFrom('store_states').execute();
    assert.equal((await drill(keys)).status, 'Completed');
    assert.equal((await keys.kit())?.ok, true);
    assert.equal(readKit(await readFile(page(keys), 'utf8')).vaultId, keys.vaultId);
  });

  it('does not write again what the operator took away', async () => {
    await using keys = await KeyRig.open();
    await rm(page(keys));
    const { status, propertyBag } = await drill(keys);
    assert.equal(status, 'Completed');
    assert.match(propertyBag?.['Recovery kit'] ?? '', /taken from the server/);
    assert.equal((await keys.files()).includes('V.recovery-kit.txt'), false);
    assert.equal((await keys.kit())?.ok, null);
  });

  it('takes keys that another process changed into use, and writes a new page', async () => {
    await using keys = await KeyRig.open();
    const { store } = await keys.stores.open(keys.vaultId);
    await newGeneration(store.backend, await keys.stores.keys.read(keys.vaultId));
    assert.equal((await drill(keys)).status, 'Completed');
    assert.equal((await keys.stores.open(keys.vaultId)).store.workerKeys.generations.length, 2);
    const { keysNumber, ok } = (await keys.kit()) ?? {};
    assert.deepEqual([keysNumber, ok], [2, true]);
    assert.equal(readKit(await readFile(page(keys), 'utf8')).keys.number, 2);
  });

  it('says when the key was changed by another process and is not here, and backups go on', async () => {
    await using keys = await KeyRig.open();
    const { store } = await keys.stores.open(keys.vaultId);
    const from = await keys.stores.keys.read(keys.vaultId);
    await changeKey(store.backend, from, { kind: 'file', bytes: new Uint8Array(32).fill(5) });
    const { status, propertyBag } = await drill(keys);
    assert.equal(status, 'CompletedWithWarnings');
    assert.match(propertyBag?.['Recovery kit'] ?? '', /does not open the keys of vault/);
    assert.equal((await keys.stores.open(keys.vaultId)).store.keysNumber, 1);
  });

  it('says what is wrong with a page that was spoilt', async () => {
    await using keys = await KeyRig.open();
    const text = await readFile(page(keys), 'utf8');
    await writeFile(
      page(keys),
      text.replace(/^(\d\d O: )(\w)/m, (_all, head, symbol) => `${head}${symbol === '7' ? '8' : '7'}`),
    );
    const { status, propertyBag } = await drill(keys);
    assert.equal(status, 'CompletedWithWarnings');
    assert.match(propertyBag?.['Recovery kit'] ?? '', /^Line \d+ of the recovery kit, numbered \d+/);
    assert.deepEqual([(await keys.kit())?.ok, typeof (await keys.kit())?.why], [false, 'string']);
  });

  it('asks the command for the key that the page only names', async () => {
    await using keys = await KeyRig.open();
    const command = keys.at('print-key');
    const key = (await readFile(keys.at(`${keys.vaultId}.key`))).toString('base64');
    await writeFile(command, `#!/bin/sh\necho ${key}\n`, { mode: 0o700 });
    const source = { kind: 'command', argv: [command], format: 'base64' };
    await writeFile(keys.at(`${keys.vaultId}.kek.json`), JSON.stringify(source));
    await keys.stores.writeKit({ id: keys.vaultId });
    assert.equal(readKit(await readFile(page(keys), 'utf8')).kek.kind, 'told');
    assert.equal((await drill(keys)).status, 'Completed');
    assert.equal((await keys.kit())?.ok, true);
    await rm(command);
    await assert.rejects(drill(keys), (error) => isCoded(error, 'KeyCommandFailed'));
  });
});
