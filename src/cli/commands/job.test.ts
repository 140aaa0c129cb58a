import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Interrupted } from '../exit.ts';
import { EagerClock, runCli } from '../testing/runCli.ts';
import { accepted, ITEM, job, VAULT } from '../testing/samples.ts';
import { finished, IN_VAULT, JOB, jobOut, ON_ITEM, running, startWorld, type World } from '../testing/world.ts';

let world: World;
before(async () => {
  world = await startWorld();
});
beforeEach(() => world.reset());
after(() => world[Symbol.asyncDispose]());

test('--no-wait and --only-show-errors: the job as it is, nothing else', async () => {
  world.on('POST', `${ITEM}/backup`, accepted(world.endpoint));
  world.on('GET', JOB, { body: running(0) });
  const { code, stdout, stderr } = await runCli(world, 'protection', 'backup-now', ...ON_ITEM, '--no-wait');
  assert.deepEqual([code, stderr, jobOut(stdout).properties.status], [0, '', 'InProgress']);
  world.on('GET', JOB, { body: running(0) }, { body: finished });
  const quiet = await runCli(world, 'job', 'wait', ...IN_VAULT, '-n', 'job-7', '--only-show-errors');
  assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
});

test('a job that fails prints itself, tells why, and exits with 1', async () => {
  const errorDetails = [
    {
      errorCode: 400094,
      errorTitle: 'BCMV2VMNotFound',
      errorString: 'The machine is gone.',
      recommendations: ['Look for it.'],
    },
  ];
  world.on('GET', JOB, { body: job('Failed', [], { errorDetails }) });
  const { code, stdout, stderr } = await runCli(world, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(code, 1);
  assert.equal(jobOut(stdout).properties.status, 'Failed');
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'ERROR: Backup of Web-01 failed (job job-7).',
    '- (BCMV2VMNotFound) The machine is gone.',
    'Recommendation: Look for it.',
  ]);
});

test('Ctrl-C ends the watching, not the job, and says so', async () => {
  world.on('GET', JOB, { body: running(10) });
  const clock = new EagerClock();
  const interrupt = new AbortController();
  let waits = 0;
  clock.onSleep = () => {
    waits += 1;
    if (waits === 3) interrupt.abort(new Interrupted());
  };
  const { code, stdout, stderr } = await runCli(
    { ...world, clock, signal: interrupt.signal },
    'job',
    'wait',
    ...IN_VAULT,
    '-n',
    'job-7',
  );
  assert.deepEqual([code, stdout], [130, '']);
  assert.match(
    stderr,
    /Job job-7 goes on in the vault\. To watch it again: strongroom job wait -g RG-North -v Safe -n job-7\n$/,
  );
  assert.ok(
    world.asked().every((line) => line.startsWith('GET')),
    'nothing was cancelled',
  );
});

test('a server that restarts does not end the wait, one that stays away does', async () => {
  const away = { drop: true };
  world.on('GET', JOB, away, away, away, { body: finished });
  const back = await runCli(world, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(back.code, 0);
  assert.equal(back.stderr.match(/cannot be reached; trying again/g)?.length, 1);
  world.on('GET', JOB, away);
  const clock = new EagerClock();
  const start = clock.now();
  const { code, stderr } = await runCli({ ...world, clock }, 'job', 'wait', ...IN_VAULT, '-n', 'job-7');
  assert.equal(code, 1);
  assert.match(stderr, /\(ServerUnreachable\)/);
  assert.ok(clock.now() - start > 5 * 60_000 && clock.now() - start < 6 * 60_000);
});

test('job wait gives up after its timeout and leaves the job', async () => {
  world.on('GET', JOB, { body: running(10) });
  const clock = new EagerClock();
  const start = clock.now();
  const { code, stderr } = await runCli(
    { ...world, clock },
    'job',
    'wait',
    ...IN_VAULT,
    '-n',
    'job-7',
    '--timeout',
    '90',
  );
  assert.equal(code, 1);
  assert.equal(clock.now() - start, 90_000);
  assert.match(stderr, /ERROR: Job job-7 is not over after 90 s; it goes on\.\n$/);
});

test('filters are those of the model', async () => {
  world.on('GET', `${VAULT}/backupJobs`, { body: { value: [] } });
  world.on('GET', `${ITEM}/recoveryPoints`, { body: { value: [] } });
  const filter = () => world.requests.at(-1)?.url.searchParams.get('$filter');
  await runCli(
    world,
    'job',
    'list',
    ...IN_VAULT,
    '--operation',
    'backup',
    '--status',
    'inprogress',
    '--start-date',
    '20-01-2026',
  );
  assert.equal(
    filter(),
    "backupManagementType eq 'AzureIaasVM' and operation eq 'Backup' and endTime eq '2026-02-19 12:00:00 AM' " +
      "and startTime eq '2026-01-20 12:00:00 AM' and status eq 'InProgress'",
  );
  await runCli(world, 'recoverypoint', 'list', ...ON_ITEM, '--start-date', '01-01-2026', '--end-date', '05-01-2026');
  assert.equal(filter(), "endDate eq '2026-01-05 12:00:00 AM' and startDate eq '2026-01-01 12:00:00 AM'");
  await runCli(world, 'recoverypoint', 'list', ...ON_ITEM);
  assert.equal(filter(), null);
});

test('job retry prints the new job; a refusal is told', async () => {
  world.on('POST', `${JOB}/retry`, accepted(world.endpoint));
  world.on('GET', JOB, { body: running(0) });
  const { code, stdout } = await runCli(world, 'job', 'retry', ...IN_VAULT, '-n', 'job-7');
  assert.deepEqual([code, jobOut(stdout).properties.status], [0, 'InProgress']);
  const error = { code: 'UserErrorJobNotRetriable', message: 'Only a job that failed can be tried again.' };
  world.on('POST', `${JOB}/retry`, { status: 400, body: { error } });
  const refused = await runCli(world, 'job', 'retry', ...IN_VAULT, '-n', 'job-7');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /UserErrorJobNotRetriable/);
});

test('job export writes a new file, with what the server gives under the key, and never an old one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-export-'));
  try {
    const location = `${world.endpoint}${VAULT}/backupJobs/operationResults/e1?api-version=2025-02-01`;
    const operation = { blobUrl: `${world.endpoint}/jobExports/e1/jobs.json`, blobSasKey: '?sig=k1' };
    world.on('POST', `${VAULT}/backupJobsExport`, { status: 202, headers: { location } });
    world.on('GET', `${VAULT}/backupJobs/operationResults/e1`, { body: { operation } });
    world.on('GET', '/jobExports/e1/jobs.json', { body: [{ name: 'job-7' }] });
    const run = () =>
      runCli(
        { ...world, cwd: folder },
        'job',
        'export',
        ...IN_VAULT,
        '-f',
        'jobs.json',
        '--status',
        'failed',
        '--format',
        'json',
      );
    const { code, stderr } = await run();
    assert.deepEqual([code, stderr], [0, `Written: ${join(folder, 'jobs.json')}\n`]);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'jobs.json'), 'utf8')), [{ name: 'job-7' }]);
    const asked = world.requests.find(({ url }) => url.pathname.endsWith('backupJobsExport'))?.url.searchParams;
    assert.deepEqual([asked?.get('format'), asked?.get('$filter')?.includes("status eq 'Failed'")], ['json', true]);
    assert.equal(world.requests.at(-1)?.url.searchParams.get('sig'), 'k1');
    assert.equal((await run()).code, 1, 'the file is there');
  } finally {
    await rm(folder, { recursive: true });
  }
});
