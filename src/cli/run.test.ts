import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type FakeArm, SECRET, SUBSCRIPTION, startFakeArm, TOKEN } from './testing/fakeArm.ts';
import { runCli } from './testing/runCli.ts';
import { vault } from './testing/samples.ts';

let arm: FakeArm;
before(async () => {
  arm = await startFakeArm();
  arm.on('GET', `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.RecoveryServices/vaults`, {
    body: { value: [vault] },
  });
});
after(() => arm[Symbol.asyncDispose]());

const clientWith = async (fields: Record<string, unknown>): Promise<string> => {
  const file = join(arm.folder, 'other.json');
  const client = JSON.parse(await readFile(arm.clientFile, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...client, ...fields }));
  await chmod(file, 0o600);
  return file;
};

test('signs in, asks, prints data on stdout and nothing on stderr', async () => {
  const { code, stdout, stderr } = await runCli(arm, 'vault', 'list', '--query', '[].name', '-o', 'tsv');
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'safe\n', stderr: '' });
  assert.equal(arm.secrets.at(-1), SECRET);
  assert.equal(arm.requests.at(-1)?.url.searchParams.get('api-version'), '2024-04-01');
});

test("az's own spelling, with backup before the group, is understood", async () => {
  assert.equal((await runCli(arm, 'backup', 'vault', 'list', '-o', 'tsv', '--query', '[].name')).stdout, 'safe\n');
});

test('help is data: on stdout, exit code 0', async () => {
  const { code, stdout, stderr } = await runCli({}, 'protection', 'backup-now', '--help');
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.match(stdout, /--retain-until <date>[\s\S]*Common options:[\s\S]*--query/);
});

test('wrong usage exits with 2 and names the option and the legal values', async () => {
  const job = ['job', 'list', '-g', 'rg-north', '-v', 'safe'];
  const restore = ['restore', 'restore-disks', '-g', 'rg', '-v', 'v', '-c', 'c', '-i', 'i', '-r', 'r'];
  const cases: [words: string[], said: RegExp][] = [
    [
      ['vault', 'list', '-o', 'xml'],
      /'-o, --output <format>' argument 'xml' is invalid\. Legal values: json, jsonc, table/,
    ],
    [['vault', 'list', '--query', '[?'], /'--query <jmespath>' is not a usable JMESPath/],
    [[...job, '--status', 'Done'], /--status <status>.*Legal values: InProgress, Completed/],
    [[...job, '--start-date', '31-02-2026'], /--start-date <date>.*dd-mm-yyyy/],
    [['job', 'wait', '-g', 'rg', '-v', 'v', '-n', 'j', '--timeout', '0'], /--timeout <seconds>.*whole seconds from 1/],
    [['job', 'show', '-g', 'rg', '-v', 'v'], /'-n, --name <name>'/],
    [['vault', 'create', '-g', 'rg', '-n', 'v'], /'-l, --location <location>'/],
    [['vault', 'show', '--ids', '/subscriptions/other/x/y'], /not of subscription/],
    [restore, /one of '--storage-account <name-or-id>' .* or '--image-host <host> --machine-name <name>' .* must be/],
    [
      [...restore, '--storage-account', 'acc', '--target-folder', 'f'],
      /one of '--storage-account <name-or-id>' .*'--target-folder <folder>'/,
    ],
    [['protectable-item', 'list'], /^error: 'protectable-item' is not here: 'strongroom vm list' shows/],
    [['backup', 'recoveryconfig', 'show'], /^error: 'recoveryconfig' is not here: only virtual machines/],
    [['vm', 'start', '-n', 'a'], /^error: 'vm start' is not here: /],
    [['vault', 'identity', 'show'], /^error: 'vault identity' is not here: /],
    [['restore', 'files', 'mount-rp'], /^error: 'restore files' is not here: /],
    [[...restore, '--restore-mode=OriginalLocation'], /^error: option '--restore-mode' is not here: /],
    [[...job, '--use-secondary-region'], /^error: option '--use-secondary-region' is not here: /],
    [[...job, '--verbose'], /^error: option '--verbose' is not here: .*--debug/],
    [[...restore, '--image-host', 'h'], /'--image-host <host>' and '--machine-name <name>' go together/],
    [[...restore, '--target-folder', 'f', '--diskslist', '99'], /--diskslist <luns...>' argument '99'.*-1 to 63/],
    [['item', 'list', '-g', 'r', '-v', 'v', '--workload-type', 'SQL'], /--workload-type <type>.*Legal values: VM/],
    [['vault', 'show', '-g', 'rg', '-n', '..'], /'\.\.' is not a name/],
    [['vaults', 'list'], /unknown command 'vaults'/],
    [['vault', 'list', '--colour'], /unknown option '--colour'/],
    [['vault'], /Usage: strongroom vault/],
  ];
  for (const [words, said] of cases) {
    const before = arm.requests.length;
    const { code, stdout, stderr } = await runCli(arm, ...words);
    assert.equal(code, 2, words.join(' '));
    assert.match(stderr, said);
    assert.equal(stdout, '');
    assert.equal(arm.requests.length, before, `${words.join(' ')} asked the server`);
  }
});

test('what is not there exits with 3 and says what was asked for', async () => {
  const { code, stdout, stderr } = await runCli(arm, 'vault', 'show', '-g', 'rg-north', '-n', 'lost');
  assert.equal(code, 3);
  assert.equal(stdout, '');
  assert.match(stderr, /^ERROR: \(ResourceNotFound\) The Resource '.*vaults\/lost' was not found\.\n$/);
});

test('an error of the server is shown with target, details and recommendations', async () => {
  const error = {
    code: 'BMSUserErrorInvalidPolicyInput',
    message: 'The policy is refused.',
    target: 'properties.schedulePolicy',
    details: [{ code: 'ScheduleTime', message: 'One time only.', target: 'scheduleRunTimes' }],
    additionalInfo: [{ type: 'Recommendations', info: { recommendations: ['Give one time.'] } }],
  };
  arm.on('PUT', `${vault.id}/backupPolicies/p`, { status: 400, body: { error } });
  const words = ['policy', 'create', '-g', 'rg-north', '-v', 'safe', '-n', 'p', '--policy', '{"properties":{}}'];
  const { code, stderr } = await runCli(arm, ...words);
  assert.equal(code, 1);
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ERROR: (BMSUserErrorInvalidPolicyInput) The policy is refused.',
    'Target: properties.schedulePolicy',
    '- (ScheduleTime) One time only. [scheduleRunTimes]',
    'Recommendation: Give one time.',
  ]);
});

test('debug shows the traffic without secret and token', async () => {
  const { stderr, code } = await runCli(arm, 'vault', 'list', '--debug');
  assert.equal(code, 0);
  assert.match(stderr, /DEBUG: > GET https:\/\/localhost:\d+\/subscriptions\//);
  assert.match(stderr, /DEBUG: < 200/);
  for (const secret of [SECRET, encodeURIComponent(SECRET), TOKEN]) assert.ok(!stderr.includes(secret));
});

test('a token that turns up in an answer is hidden as well', async () => {
  arm.on('GET', `${vault.id}`, { body: { ...vault, tags: { leaked: TOKEN } } });
  const { stderr } = await runCli(arm, 'vault', 'show', '-g', 'rg-north', '-n', 'safe', '--debug', '-o', 'none');
  assert.match(stderr, /"leaked":"\*\*\*"/);
});

test('a wrong secret is told in the words of the authority, without the secret', async () => {
  const clientFile = await clientWith({ clientSecret: 'quite-wrong' });
  const { code, stderr } = await runCli({ clientFile }, 'vault', 'list', '--debug');
  assert.equal(code, 1);
  assert.match(stderr, /ERROR: \(invalid_client\) Signing in as .* failed: AADSTS7000215/);
  assert.ok(!stderr.includes('quite-wrong'));
});

test('a server whose authority is not named is not trusted and gets no secret', async () => {
  const clientFile = await clientWith({ caFile: undefined });
  const before = arm.secrets.length;
  const { code, stderr } = await runCli({ clientFile }, 'vault', 'list');
  assert.equal(code, 1);
  assert.match(stderr, /ERROR: \(ServerNotTrusted\)[\s\S]*caFile/);
  assert.equal(arm.secrets.length, before);
});

test('a server that does not listen is unreachable', async () => {
  const { code, stderr } = await runCli(
    { clientFile: await clientWith({ endpoint: 'https://localhost:1' }) },
    'vault',
    'list',
  );
  assert.equal(code, 1);
  assert.match(stderr, /ERROR: \(ServerUnreachable\) https:\/\/localhost:1 cannot be reached: nothing listens there/);
});

test('a faulty client file is told by file and field, never by its contents', async () => {
  const cases: [fields: Record<string, unknown>, said: RegExp][] = [
    [{ endpoint: 'http://localhost:1' }, /endpoint must be an https URL/],
    [{ clientSecret: 7 }, /clientSecret must be a text/],
    [{ caFile: 'gone.pem' }, /caFile of .*other\.json cannot be read: .*gone\.pem/],
  ];
  for (const [fields, said] of cases) {
    const { code, stderr } = await runCli({ clientFile: await clientWith(fields) }, 'vault', 'list');
    assert.equal(code, 1);
    assert.match(stderr, said);
  }
  const broken = join(arm.folder, 'broken.json');
  await writeFile(broken, `{"clientSecret": "${SECRET}", }`, { mode: 0o600 });
  const { stderr } = await runCli({}, 'vault', 'list', '--client', broken);
  assert.match(stderr, /broken\.json is not usable: it is not JSON/);
  assert.ok(!stderr.includes(SECRET));
  assert.match((await runCli({ cwd: '/nowhere' }, 'vault', 'list')).stderr, /\/nowhere\/data\/client\.json/);
});

test('a client file that others can read is warned of, unless only errors are wanted', async () => {
  const clientFile = await clientWith({});
  await chmod(clientFile, 0o644);
  assert.match(
    (await runCli({ clientFile }, 'vault', 'list')).stderr,
    /^WARNING: others can read the secret in .*other\.json/,
  );
  assert.equal((await runCli({ clientFile }, 'vault', 'list', '--only-show-errors')).stderr, '');
});
