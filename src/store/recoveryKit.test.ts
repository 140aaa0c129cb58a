import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { constant, constantFrom, integer, oneof, property, assert as prove, tuple, uint8Array } from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import type { Backend } from './backend.ts';
import { changeKey, newGeneration } from './keyChanges.ts';
import { fromBase32, plainBase32, toBase32 } from './keyring/base32.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { createMemoryBackend } from './memoryBackend.ts';
import { makeKit, openKit, printKit, type RecoveryKit, readKit } from './recoveryKit.ts';
import { createStore } from './store.ts';
import { KEK, newStore } from './testing/backup.ts';

const REQUEST = {
  vaultName: 'Orchard #2, côté nord',
  madeAt: Date.parse('2026-01-05T08:00:00Z'),
  places: ['folder /srv/strongroom/stores/vault-1', 's3 https://s3.example.net/backups/vault-1/'],
};
const PHRASE: KeyEncryptionKey = { kind: 'passphrase', passphrase: 'quince-and-medlar' };

let backend: Backend;
let kit: RecoveryKit;
let page: string;
before(async () => {
  backend = createMemoryBackend();
  await newStore(backend);
  kit = await makeKit(backend, KEK, REQUEST);
  page = printKit(kit);
});

const isNumbered = (line: string): boolean => /^\d\d /.test(line);
const numbered = (text: string): string => text.split('\n').filter(isNumbered).join('\n');

describe('a recovery kit', () => {
  it('is one page that gives back all it was made of', async () => {
    assert.deepEqual(readKit(page), kit);
    const lines = page.trimEnd().split('\n');
    assert.ok(lines.length <= 60, `${lines.length} lines`);
    assert.deepEqual(
      lines.filter((line) => line.length > 80 && !line.includes('Signing key')),
      [],
    );
    assert.deepEqual(kit.keys, { number: 1, bytes: await backend.get('keys/1') });
    assert.deepEqual(openKit(kit), KEK);
  });

  it('is read with other case, spaces and prose, and from its numbered lines alone', () => {
    assert.deepEqual(readKit(numbered(page)), kit);
    const sloppy = page.replace(/^(\d\d [KO]: )(.*)$/gm, (_line, head: string, symbols: string) => {
      const typed = symbols.replaceAll('0', 'o').replaceAll('1', 'l').toLowerCase();
      return `  ${head} ${typed.replaceAll(' ', '  ').replace('#', ' # ')}  \r`;
    });
    assert.notEqual(sloppy, page);
    assert.deepEqual(readKit(sloppy), kit);
  });

  it('holds the secret of no vault that is opened by a passphrase or a command', async () => {
    const phrased = createMemoryBackend();
    await createStore(phrased, PHRASE, { vaultId: 'v2', clock: new TurnedClock() });
    const told = await makeKit(phrased, PHRASE, REQUEST);
    assert.equal(printKit(told).includes(PHRASE.kind === 'passphrase' ? PHRASE.passphrase : ''), false);
    assert.throws(
      () => openKit(readKit(printKit(told))),
      (error) => isCoded(error, 'RecoveryKitInvalid') && /the passphrase of the vault/.test(error.message),
    );
    assert.deepEqual(openKit(readKit(printKit(told)), PHRASE), PHRASE);
    const wrong: KeyEncryptionKey = { kind: 'passphrase', passphrase: 'quince' };
    assert.throws(
      () => openKit(told, wrong),
      (error) => isCoded(error, 'StoreKeyWrong'),
    );
    const byCommand = printKit(
      await makeKit(backend, KEK, { ...REQUEST, kekInWords: 'what /usr/bin/vault-key prints' }),
    );
    assert.equal(byCommand.includes(toBase32(KEK.kind === 'file' ? KEK.bytes : randomBytes(32)).slice(0, 4)), false);
    assert.match(byCommand, /Opened by: what \/usr\/bin\/vault-key prints/);
    assert.deepEqual(openKit(readKit(byCommand), KEK), KEK);
  });

  it('stays on its page with five generations of keys', async () => {
    const grown = createMemoryBackend();
    await newStore(grown);
    for (let times = 0; times < 4; times++) await newGeneration(grown, KEK);
    const text = printKit(await makeKit(grown, KEK, REQUEST));
    assert.ok(text.split('\n').length <= 60, `${text.split('\n').length} lines`);
    assert.equal(openKit(readKit(text)).kind, 'file');
  });

  it('names the line that is missing, the last one too, and one that came twice in two ways', () => {
    const lines = numbered(page).split('\n');
    for (const [at, line] of lines.entries()) {
      const rest = lines.filter((_one, other) => other !== at).join('\n');
      assert.throws(
        () => readKit(rest),
        (error) =>
          isCoded(error, 'RecoveryKitInvalid') && error.message.includes(`line ${line.slice(0, 2)} is missing`),
        line,
      );
    }
    assert.throws(
      () => readKit(`${page}\n${'05 Made: yesterday  #0000000'}`),
      (error) => isCoded(error, 'RecoveryKitInvalid'),
    );
  });

  it('whose lines are of two kits is refused', async () => {
    await changeKey(backend, KEK, KEK);
    const later = printKit(await makeKit(backend, KEK, REQUEST)).split('\n');
    const mixed = page.split('\n').map((line, at) => (/ O: /.test(line) ? later[at]! : line));
    assert.throws(
      () => openKit(readKit(mixed.join('\n'))),
      (error) => isCoded(error, 'StoreDataDamaged') && /it is the object keys\/2/.test(error.message),
    );
    const other = createMemoryBackend();
    await newStore(other, 'vault-2');
    const foreign = { ...kit, keys: (await makeKit(other, KEK, REQUEST)).keys };
    assert.throws(
      () => openKit(foreign),
      (error) => isCoded(error, 'RecoveryKitInvalid') && /another vault/.test(error.message),
    );
  });

  it('is refused when it is of another version, or no kit', () => {
    for (const text of ['', 'no kit', 'a\n01 b\n'])
      assert.throws(
        () => readKit(text),
        (error) => isCoded(error, 'RecoveryKitInvalid'),
        text,
      );
  });
});

describe('an error of typing', () => {
  /** A character of the numbered lines that is left out, doubled by another, or another; or two that changed places. */
  const slips = tuple(
    constantFrom('replace', 'insert', 'remove', 'swap'),
    integer({ min: 0, max: 1_000_000 }),
    oneof(
      integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
      constant(' '),
      constant('\n'),
      constant('é'),
      constant('…'),
    ),
  );
  const slipped = (text: string, [kind, place, character]: readonly [string, number, string]) => {
    const at = place % text.length;
    const typed = {
      replace: text.slice(0, at) + character + text.slice(at + 1),
      insert: text.slice(0, at) + character + text.slice(at),
      remove: text.slice(0, at) + text.slice(at + 1),
      swap: text.slice(0, at) + (text[at + 1] ?? '') + text[at]! + text.slice(at + 2),
    }[kind]!;
    return { typed, line: text.slice(0, at).split('\n').length };
  };

  it('of one character changes nothing, or is found and its line named', () => {
    const lines = numbered(page);
    let found = 0;
    prove(
      property(slips, (slip) => {
        const { typed, line } = slipped(lines, slip);
        try {
          assert.deepEqual(readKit(typed), kit);
        } catch (error) {
          if (!isCoded(error, 'RecoveryKitInvalid')) throw error;
          const named = Number(/^Line (\d+) /.exec(error.message)?.[1]);
          // a line feed that goes, comes or is moved touches the next line as well
          assert.ok(named === line || named === line + 1, `${error.message} (typed wrong in line ${line})`);
          found++;
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(found > 1500, `${found} found`);
  });

  it('is found wherever a symbol becomes another', () => {
    const lines = numbered(page).split('\n');
    for (const [at, line] of lines.entries()) {
      const symbols = line.indexOf(': ') + 2;
      for (let place = symbols; place < line.length; place++) {
        if (line[place] === ' ') continue;
        const wrong = line.slice(0, place) + (line[place] === '7' ? '8' : '7') + line.slice(place + 1);
        assert.throws(
          () => readKit(lines.with(at, wrong).join('\n')),
          (error) =>
            isCoded(error, 'RecoveryKitInvalid') && error.message.startsWith(`Line ${at + 1} of the recovery kit`),
          wrong,
        );
      }
    }
  });

  it('never shows what was typed', () => {
    const lines = numbered(page).split('\n');
    const at = lines.findIndex((line) => / K: /.test(line));
    const key = /K: (\S+)/.exec(lines[at]!)![1]!;
    assert.throws(
      () => readKit(lines.with(at, lines[at]!.replace(key, `${key}7`)).join('\n')),
      (error) =>
        isCoded(error, 'RecoveryKitInvalid') &&
        !error.message.includes(key) &&
        !error.message.includes(key.slice(0, 4)),
    );
  });
});

describe('base32', () => {
  it('gives back what was written', () => {
    prove(
      property(uint8Array({ maxLength: 80 }), (bytes) => {
        const text = toBase32(bytes);
        assert.equal(plainBase32(text.toLowerCase()), text);
        assert.deepEqual(fromBase32(text), bytes);
      }),
    );
    assert.equal(fromBase32('U'), undefined);
    assert.equal(fromBase32('01'), undefined, 'bits are left over');
  });
});
