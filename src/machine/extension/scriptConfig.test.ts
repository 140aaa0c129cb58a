import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFreezeConfig, readPluginHost } from './backupConf.ts';
import { isOlder } from './program.ts';
import { readScriptConfig } from './scriptConfig.ts';

const FULL = {
  pluginName: 'ScriptRunner',
  preScriptLocation: '/opt/quiet/pre.sh',
  postScriptLocation: '/opt/quiet/post.sh',
  preScriptParams: ['one', ''],
  postScriptParams: ['two'],
  preScriptNoOfRetries: 1,
  postScriptNoOfRetries: 2,
  timeoutInSeconds: 1800,
  continueBackupOnFailure: false,
  fsFreezeEnabled: false,
  ScriptsExecutionPollTimeSeconds: 5,
  appName: 'ledger',
  somethingElse: 1,
};

const problemOf = (different: object): string => {
  const read = readScriptConfig(JSON.stringify({ ...FULL, ...different }));
  return 'problem' in read ? read.problem : '';
};

test('every key is read, and unknown ones are left alone', () => {
  assert.deepEqual(readScriptConfig(`\uFEFF${JSON.stringify(FULL)}`), {
    config: {
      preScript: '/opt/quiet/pre.sh',
      postScript: '/opt/quiet/post.sh',
      preParams: ['one', ''],
      postParams: ['two'],
      preRetries: 1,
      postRetries: 2,
      timeoutSeconds: 1800,
      continueBackupOnFailure: false,
      fsFreezeEnabled: false,
      pollSeconds: 5,
    },
  });
});

test('what is not said is as in Azure', () => {
  assert.deepEqual(readScriptConfig('{"pluginName":"ScriptRunner"}'), {
    config: {
      preScript: '',
      postScript: '',
      preParams: [],
      postParams: [],
      preRetries: 0,
      postRetries: 0,
      timeoutSeconds: 30,
      continueBackupOnFailure: true,
      fsFreezeEnabled: true,
      pollSeconds: 3,
    },
  });
});

const WRONG: readonly (readonly [object, string])[] = [
  [{ pluginName: 'Other' }, "pluginName must be 'ScriptRunner'"],
  [{ preScriptLocation: 'pre.sh' }, 'preScriptLocation must be an absolute path of at most 1024 characters'],
  [{ postScriptLocation: '/a\nb' }, 'postScriptLocation must be an absolute path of at most 1024 characters'],
  [{ preScriptParams: 'one' }, 'preScriptParams must be a list of at most 64 texts'],
  [{ postScriptParams: [1] }, 'postScriptParams must be a list of at most 64 texts'],
  [{ preScriptParams: ['a\0'] }, 'none of them a control character'],
  [{ preScriptNoOfRetries: -1 }, 'preScriptNoOfRetries must be a whole number from 0 to 20'],
  [{ postScriptNoOfRetries: '1' }, 'postScriptNoOfRetries must be a whole number from 0 to 20'],
  [{ timeoutInSeconds: 1801 }, 'timeoutInSeconds must be a whole number from 1 to 1800'],
  [{ timeoutInSeconds: 1.5 }, 'timeoutInSeconds must be a whole number from 1 to 1800'],
  [{ continueBackupOnFailure: 'yes' }, 'continueBackupOnFailure must be true or false'],
  [{ fsFreezeEnabled: 1 }, 'fsFreezeEnabled must be true or false'],
  [{ ScriptsExecutionPollTimeSeconds: 6 }, 'ScriptsExecutionPollTimeSeconds must be a whole number from 1 to 5'],
  [{ appName: {} }, 'appName must be text'],
];

for (const [different, words] of WRONG)
  test(`refused: ${JSON.stringify(different)}`, () => {
    assert.ok(problemOf(different).includes(words), problemOf(different));
  });

test('all that is wrong is told at once, and whether a backup is wanted all the same', () => {
  const both = readScriptConfig(JSON.stringify({ ...FULL, pluginName: 1, timeoutInSeconds: 0 }));
  assert.ok('problem' in both && both.problem.includes('; ') && !both.continueBackupOnFailure);
  for (const text of ['', '{', '[]', 'null', '"text"']) assert.ok('problem' in readScriptConfig(text), text);
});

test('what is no JSON is told without its text, which may hold secrets', () => {
  for (const text of ['{"preScriptParams": [hunter2]}', '{"preScriptParams": ["hunter2"', '{"hunter2"}']) {
    const read = readScriptConfig(text);
    assert.ok('problem' in read && /^it is no JSON( at position \d+.*)?$/.test(read.problem), JSON.stringify(read));
  }
  const cut = readScriptConfig('{"a": 1,}');
  assert.ok('problem' in cut && cut.problem.includes('at position 8'), JSON.stringify(cut));
});

test('vmbackup.conf is read in any case and spelling of an INI file', () => {
  const text = '# words\r\n[Other]\nfsfreeze=False\n[snapshotthread]\nTimeout = 20\nmountstoskip: /a, /b/,c\n; end\n';
  assert.deepEqual(readFreezeConfig(text), {
    fsfreeze: true,
    timeoutSeconds: 20,
    mountsToSkip: ['/a', '/b'],
    afterFailure: true,
    afterSuccess: true,
  });
  assert.equal(readFreezeConfig('[SnapshotThread]\nfsfreeze: False\ntimeout=soon').fsfreeze, false);
  assert.deepEqual(
    ['', '[pre_post]', '[pre_post]\ntimeoutInSeconds = 90', '[pre_post]\ntimeoutInSeconds=no'].map(readPluginHost),
    ['damaged', undefined, 90, 'damaged'],
  );
});

test('versions are compared by their numbers', () => {
  assert.deepEqual(
    ['0.9', '1.0', '1.9', '1.10', '2.0', undefined, 'new'].map((version) => isOlder(version, '1.9')),
    [true, true, false, false, false, true, true],
  );
});
