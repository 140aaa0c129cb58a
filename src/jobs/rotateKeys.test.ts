import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { readKit } from '../store/recoveryKit.ts';
import { KeyFolder } from './keyFolder.ts';
import { KeyRig } from './keyRig.fixture.ts';
import { runRotateKeys } from './rotateKeys.ts';

const rotate = async (keys: KeyRig, what: string) => {
  const context = await keys.context('RotateKeys', { what });
  const { propertyBag, status } = await runRotateKeys(context);
  return { status, object: propertyBag?.['Keys object'], bag: propertyBag };
};
const kitOf = async (keys: KeyRig) => readKit(await readFile(keys.at(`${keys.vaultId}.recovery-kit.txt`), 'utf8'));

describe('a new vault', () => {
  it('has a key and the recovery kit that goes with it, for the owner of the files alone', async () => {
    await using keys = await KeyRig.open();
    assert.deepEqual(await keys.files(), ['V.key', 'V.recovery-kit.txt']);
    for (const file of await keys.files())
      assert.equal((await stat(keys.at(file.replace('V', keys.vaultId)))).mode & 0o777, 0o600, file);
    const { vaultName, places, kek } = await kitOf(keys);
    assert.deepEqual([vaultName, places.length, kek.kind], ['vault-1', 1, 'file']);
    assert.deepEqual(Object.keys((await keys.kit()) ?? {}).sort(), ['keysNumber', 'madeAt', 'path']);
  });

  it('gets the key that default.kek.json says, and keeps it when the default changes', async () => {
    await using keys = await KeyRig.open();
    await writeFile(keys.at('phrase'), 'quince-and-medlar\n');
    await writeFile(keys.at('default.kek.json'), JSON.stringify({ kind: 'passphrase-file', path: 'phrase' }));
    await keys.stores.create({ id: 'other', name: 'other' });
    assert.equal((await keys.stores.open('other')).store.vaultId, 'other');
    await writeFile(keys.at('default.kek.json'), JSON.stringify({ kind: 'file', path: 'nowhere' }));
    keys.restart();
    await keys.stores.open('other');
    const page = await readFile(keys.at('other.recovery-kit.txt'), 'utf8');
    assert.equal(page.includes('quince'), false);
    assert.match(page, /Opened by: the passphrase of the vault \(on the server: .*phrase\)/);
    await keys.stores.remove({ id: 'other' });
    assert.equal(
      (await keys.files()).some((name) => name.startsWith('other')),
      false,
    );
    await keys.stores.open(keys.vaultId);
  });
});

describe('rotating the keys of a vault', () => {
  it('goes to a new key file, and forgets the old one only when asked', async () => {
    await using keys = await KeyRig.open();
    const { rig } = keys;
    assert.equal((await rig.backUp()).status, 'Completed');
    assert.equal((await rotate(keys, 'changeKey')).object, 'keys/2');
    const shown = await rig.db.queries
      .selectFrom('jobs')
      .select('status')
      .where('operation', '=', 'UpdateCustomerManagedKey')
      .execute();
    assert.deepEqual(
      shown.map(({ status }) => status),
      ['Completed'],
      'a job that clients know',
    );
    assert.equal((await rotate(keys, 'newGeneration')).bag?.['Key generation'], '2');
    assert.equal((await keys.files()).length, 4, (await keys.files()).join());
    assert.equal((await kitOf(keys)).keys.number, 3);
    assert.equal((await keys.kit())?.keysNumber, 3);
    keys.restart();
    const { store } = await keys.stores.open(keys.vaultId);
    assert.deepEqual([store.keysNumber, store.workerKeys.generations.length], [3, 2]);
    const forgot = await rotate(keys, 'forgetOld');
    assert.deepEqual([forgot.status, forgot.bag?.Forgotten], ['Completed', 'keys/1, keys/2']);
    assert.deepEqual(
      (await keys.files()).filter((name) => name === 'V.key'),
      [],
    );
    keys.restart();
    await keys.stores.open(keys.vaultId);
  });

  it('goes to what the operator wrote into kek.next.json, and to nothing that cannot be read', async () => {
    await using keys = await KeyRig.open();
    const next = keys.at(`${keys.vaultId}.kek.next.json`);
    const command = keys.at('print-key');
    await writeFile(next, JSON.stringify({ kind: 'command', argv: [command], format: 'base64' }));
    await assert.rejects(rotate(keys, 'changeKey'), (error) => isCoded(error, 'KeyCommandFailed'));
    keys.restart();
    assert.equal((await keys.stores.open(keys.vaultId)).store.keysNumber, 1);
    await writeFile(command, `#!/bin/sh\necho ${randomBytes(32).toString('base64')}\n`, { mode: 0o700 });
    assert.equal((await rotate(keys, 'changeKey')).object, 'keys/2');
    keys.restart();
    await keys.stores.open(keys.vaultId);
    assert.deepEqual((await kitOf(keys)).kek, { kind: 'told', words: `what the command ${command} prints (base64)` });
  });

  it('refuses anything else', async () => {
    await using keys = await KeyRig.open();
    for (const what of ['', 'changeKek', 'constructor'])
      await assert.rejects(
        rotate(keys, what),
        (error) => isCoded(error, 'InvalidParameter') && error.target === 'what',
      );
  });

  it('cut off at any step leaves a vault that opens, and the next try goes through', async () => {
    const steps = ['begin', 'put', 'finish', 'kit'] as const;
    for (const step of steps) {
      await using keys = await KeyRig.open();
      const context = await keys.context('RotateKeys', { what: 'changeKey' });
      const { store } = await keys.stores.open(keys.vaultId);
      let hits = 0;
      const dies = async (): Promise<never> => {
        hits++;
        throw new Error('the process died');
      };
      if (step === 'put') store.backend.put = dies;
      if (step === 'finish') keys.stores.keys.finish = dies;
      if (step === 'kit') keys.stores.writeKit = dies;
      if (step === 'begin') {
        const begin = keys.stores.keys.begin.bind(keys.stores.keys);
        keys.stores.keys.begin = async (vaultId) => {
          await begin(vaultId);
          return dies();
        };
      }
      await assert.rejects(runRotateKeys(context), /the process died/);
      assert.equal(hits, 1, step);
      keys.restart();
      const reopened = await keys.stores.open(keys.vaultId);
      assert.deepEqual(reopened.store.workerKeys, store.workerKeys, step);
      await rotate(keys, 'changeKey');
      await rotate(keys, 'forgetOld');
      keys.restart();
      assert.deepEqual((await keys.stores.open(keys.vaultId)).store.workerKeys, store.workerKeys, step);
      const { kek, keys: copy } = await kitOf(keys);
      assert.deepEqual(
        [kek.kind, copy.number],
        ['file', (await keys.stores.open(keys.vaultId)).store.keysNumber],
        step,
      );
    }
  });

  it('does not take a stranger of a key for the next one', async () => {
    await using keys = await KeyRig.open();
    await writeFile(keys.at(`${keys.vaultId}.key`), randomBytes(32));
    await writeFile(keys.at('wrong.key'), randomBytes(32));
    await writeFile(keys.at(`${keys.vaultId}.kek.next.json`), JSON.stringify({ kind: 'file', path: 'wrong.key' }));
    await assert.rejects(keys.stores.open(keys.vaultId), (error) => isCoded(error, 'StoreKeyWrong'));
    assert.ok((await keys.files()).includes('V.kek.next.json'), 'nothing was finished');
    await rm(keys.at(`${keys.vaultId}.key`));
    await assert.rejects(keys.stores.open(keys.vaultId), (error) => isCoded(error, 'StoreObjectMissing'));
  });
});

describe('the folder of keys', () => {
  it('takes a default of a file of its own as the usual one', async () => {
    await using keys = await KeyRig.open();
    await writeFile(keys.at('default.kek.json'), '{"kind":"file"}');
    await new KeyFolder(keys.at('')).make('third');
    assert.equal((await readFile(keys.at('third.key'))).length, 32);
  });
});
