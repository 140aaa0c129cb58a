import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { restoreTarget } from './restoreTarget.ts';

const LIMITS = { restoreRoot: '/srv/restored', imageHosts: [], resourceGroup: 'Shop', luns: [-1] };
const folderOf = (targetFolder: string): string => {
  const target = restoreTarget({ strongroom: { targetFolder } }, LIMITS);
  return target.kind === 'folder' ? target.folder : '';
};

test('whatever the folder, it lies below the restore root or is refused', () => {
  const piece = fc.oneof(
    fc.constantFrom('..', '.', '', '/', '\\', '\0', '~', ' ', 'C:', '%2e%2e'),
    fc.string({ maxLength: 8 }),
  );
  const folder = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('/'));
  fc.assert(
    fc.property(fc.oneof(folder, fc.string()), (text) => {
      try {
        const found = folderOf(text);
        assert.ok(posix.normalize(found) === found && found.startsWith('/srv/restored/'), found);
      } catch (error) {
        assert.ok(isCoded(error, 'RestoreTargetInvalid'), String(error));
      }
    }),
  );
});

test('folders that escape or confuse are refused, plain ones are not', () => {
  for (const wrong of [
    '',
    ' ',
    '/etc',
    '..',
    'a/../..',
    'a/./b',
    'a\\b',
    'a\0b',
    'con:',
    'a/ b',
    'a./b',
    'x'.repeat(256),
  ]) {
    assert.throws(() => folderOf(wrong), { code: 'RestoreTargetInvalid' }, JSON.stringify(wrong));
  }
  assert.equal(folderOf('web01'), '/srv/restored/web01');
  assert.equal(folderOf('monday//web 01/'), '/srv/restored/monday/web 01');
});

test('without an image host no machine can be made, and the error says so', () => {
  const strongroom = { imageHost: 'shelf', machineName: 'x' };
  assert.throws(() => restoreTarget({ strongroom }, LIMITS), /no image host is configured/);
});
