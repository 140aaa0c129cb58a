import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import { silentLogger } from '../../lib/log.ts';
import type { DescribedMachine } from '../description/folder.ts';
import type { Machine } from '../machine.ts';
import { AgentDoor } from './agentDoor.ts';
import type { CutResult } from './cutPlan.ts';
import { FakeAgent, type ProgramEnd } from './fakeAgent.fixture.ts';
import { consistencyOf, type Quiet, type QuietMachine, quiesce } from './quiesce.ts';

const CONFIG = {
  pluginName: 'ScriptRunner',
  preScriptLocation: '/opt/pre.sh',
  postScriptLocation: '/opt/post.sh',
  preScriptParams: ['a b'],
  timeoutInSeconds: 1,
};

interface Setup {
  readonly config?: object | string;
  /** Owner and mode of the configuration. */
  readonly owner?: string;
  readonly backup?: string;
  readonly pluginHost?: string;
  readonly disks?: number;
  readonly osType?: 'Linux' | 'Windows';
  readonly freezeHook?: boolean;
  /** What begin and end print, or that they never end. */
  readonly begin?: string | 'never';
  readonly end?: string | 'never';
}

const encoded = (text: string) => Buffer.from(text).toString('base64');

const guestOf = (agent: FakeAgent, setup: Setup): QuietMachine => {
  const { config, backup, pluginHost, owner = '0 600' } = setup;
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  const inspected = [
    ...(config === undefined ? [] : [`config=${owner}`, `configText=${encoded(text)}`]),
    ...(backup === undefined ? [] : ['backup=0 600', `backupText=${encoded(backup)}`]),
    ...(pluginHost === undefined ? [] : ['pluginHost=0 600', `pluginHostText=${encoded(pluginHost)}`]),
  ];
  const ended = (output: string): ProgramEnd => (output === 'never' ? 'never' : { output });
  agent.run = ([, command]) => {
    if (command === 'inspect') return { output: inspected.join('\n') };
    return ended((command === 'begin' ? setup.begin : setup.end) ?? 'result=ok\nexit=0\nattempts=1\n');
  };
  return {
    agent: new AgentDoor(agent.path),
    clock: systemClock,
    log: silentLogger,
    graceSeconds: 90,
    machine: { osType: setup.osType ?? 'Linux', qemu: { freezeHook: setup.freezeHook ?? false } } as DescribedMachine,
    view: { disks: Array.from({ length: setup.disks ?? 2 }) } as unknown as Machine,
  };
};

const result = (patch: Partial<CutResult> = {}): CutResult => ({ cutAt: 1, frozen: true, frozenMs: 5, ...patch });

/** One snapshot's way: at rest, cut, post script. */
const run = async (setup: Setup, cut = result()) => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, setup);
  await using quiet = await quiesce(guest, undefined);
  await quiet.end();
  const commands = agent.started.map(([, command]) => command);
  return { quiet, commands, started: agent.started, ...consistencyOf(guest, quiet, cut) };
};

const codes = ({ scripts }: Quiet) => scripts?.failures.map(({ code, number }) => [code, number]);

test('a guest without scripts is only frozen', async () => {
  const { quiet, commands, consistency } = await run({});
  assert.deepEqual(commands, ['inspect']);
  assert.deepEqual([quiet.freeze, quiet.scripts, consistency], [{ kind: 'freeze' }, undefined, 'fileSystem']);
  assert.equal((await run({ freezeHook: true })).consistency, 'application', 'its own hook brings it to rest');
});

test('pre script before, post script after: application consistent', async () => {
  const { quiet, commands, started, consistency, consistencyReason } = await run({ config: CONFIG });
  assert.deepEqual(commands, ['inspect', 'begin', 'end']);
  assert.deepEqual(started[1]!.slice(3), ['90', '1', '0', '0', '/opt/pre.sh', '/opt/post.sh', '1', 'a b']);
  assert.equal(started[1]![2], started[2]![2], 'begin and end are of one run');
  assert.deepEqual([consistency, consistencyReason, quiet.scripts?.succeeded], ['application', undefined, true]);
});

test('a guest that is not to be asked is not asked', async () => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, { config: CONFIG });
  const quiet = await quiesce(guest, 'the machine is powered off');
  await quiet.end();
  assert.deepEqual(agent.started, []);
  const { consistency, consistencyReason } = consistencyOf(guest, quiet, result({ frozen: false }));
  assert.deepEqual([consistency, consistencyReason], ['crash', 'the machine is powered off']);
  const windows = guestOf(agent, { config: CONFIG, osType: 'Windows' });
  assert.equal(consistencyOf(windows, await quiesce(windows, undefined), result()).consistency, 'application');
  assert.deepEqual(agent.started, [], 'in Windows the agent does it by itself');
});

const FAILURES: readonly (readonly [string, Setup, string, number])[] = [
  ['a pre script that fails', { begin: 'result=failed\nexit=7\nattempts=1' }, 'Pre-ScriptExecutionFailed', 300],
  ['a post script that fails', { end: 'result=failed\nexit=7\nattempts=2' }, 'Post-ScriptExecutionFailed', 301],
  ['no pre script', { begin: 'which=pre\nresult=not-found' }, 'Pre-ScriptNotFound', 302],
  ['no post script', { begin: 'which=post\nresult=not-found' }, 'Post-ScriptNotFound', 303],
  ['a plugin host file that says nothing', { pluginHost: 'nonsense' }, 'IncorrectPluginhostFile', 304],
  ['a configuration that is no JSON', { config: '{' }, 'IncorrectJSONConfigFile', 305],
  ['a configuration others may read', { owner: '0 644' }, 'IncorrectJSONConfigFile', 317],
  ['a configuration of another user', { owner: '1000 600' }, 'IncorrectJSONConfigFile', 318],
  [
    'a pre script of another',
    { begin: 'which=pre\nresult=permission\nowner=9\nmode=700' },
    'InsufficientPermissionforPre-Script',
    306,
  ],
  [
    'a post script for all',
    { begin: 'which=post\nresult=permission\nowner=0\nmode=755' },
    'InsufficientPermissionforPost-Script',
    307,
  ],
  ['a pre script that hangs', { begin: 'result=timeout' }, 'Pre-ScriptTimeout', 308],
  ['a post script that hangs', { end: 'result=timeout' }, 'Post-ScriptTimeout', 309],
  ['a post script that still runs', { end: 'result=pending' }, 'Post-ScriptTimeout', 311],
  ['a machine that was started anew', { end: 'result=lost' }, 'Post-ScriptExecutionFailed', 301],
  ['scripts of an earlier run', { begin: 'which=pre\nresult=busy' }, 'Pre-ScriptExecutionFailed', 300],
  ['an answer that says nothing', { begin: '' }, 'Pre-ScriptExecutionFailed', 300],
];

for (const [what, setup, code, number] of FAILURES)
  test(`${what}: ${code}, and the point is file-system consistent`, async () => {
    const { quiet, consistency, consistencyReason } = await run({ config: CONFIG, ...setup });
    assert.deepEqual(codes(quiet), [[code, number]]);
    assert.equal(consistency, 'fileSystem');
    assert.ok(consistencyReason?.startsWith(`${code}: `));
  });

test('what was never begun is not ended', async () => {
  const { commands } = await run({ config: CONFIG, begin: 'which=post\nresult=not-found' });
  assert.deepEqual(commands, ['inspect', 'begin']);
  const failed = await run({ config: CONFIG, begin: 'result=failed' });
  assert.deepEqual(failed.commands, ['inspect', 'begin', 'end'], 'a pre script that failed may have done half');
});

test('a machine that wants no backup then gets none, but for one of a single disk', async () => {
  const config = { ...CONFIG, continueBackupOnFailure: false };
  for (const setup of [{ begin: 'result=failed' }, { end: 'result=failed' }]) {
    const code = setup.begin ? 'Pre-ScriptExecutionFailed' : 'Post-ScriptExecutionFailed';
    await assert.rejects(
      run({ config, ...setup }),
      (error) => isCoded(error, code) && error.recommendations.length > 0,
    );
    assert.equal((await run({ config, ...setup, disks: 1 })).consistency, 'fileSystem');
  }
  const unreadable = { ...config, timeoutInSeconds: 0 };
  await assert.rejects(run({ config: unreadable }), (error) => isCoded(error, 'IncorrectJSONConfigFile'));
  assert.equal((await run({ config: unreadable, disks: 1 })).consistency, 'fileSystem');
});

test('a pre script whose failure ends the snapshot is followed by the post script', async () => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, { config: { ...CONFIG, continueBackupOnFailure: false }, begin: 'result=failed' });
  await assert.rejects(quiesce(guest, undefined));
  assert.deepEqual(
    agent.started.map(([, command]) => command),
    ['inspect', 'begin', 'end'],
  );
});

test('a snapshot that is cancelled while the pre script runs asks for the post script', async () => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, { config: { ...CONFIG, timeoutInSeconds: 1800 }, begin: 'never' });
  const abort = new AbortController();
  const begun = quiesce(guest, undefined, abort.signal);
  while (agent.started.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const reason = new Error('cancelled');
  abort.abort(reason);
  await assert.rejects(begun, (error) => error === reason);
  assert.deepEqual(
    agent.started.map(([, command]) => command),
    ['inspect', 'begin', 'end'],
  );
});

test('a snapshot that fails in between asks for the post script and does not wait', async () => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, { config: CONFIG, end: 'never' });
  await (await quiesce(guest, undefined))[Symbol.asyncDispose]();
  assert.deepEqual(
    agent.started.map(([, command]) => command),
    ['inspect', 'begin', 'end'],
  );
  agent.refused.add('guest-exec-status');
  const silent = await quiesce(guestOf(agent, { config: CONFIG }), undefined);
  assert.equal(silent.scripts, undefined, 'an agent that tells nothing has no scripts');
});

test('an agent that blocks programs, or does not answer, is one without scripts', async () => {
  await using agent = await FakeAgent.open();
  const guest = guestOf(agent, { config: CONFIG });
  agent.refused.add('guest-exec');
  assert.deepEqual((await quiesce(guest, undefined)).scripts, undefined);
  await agent[Symbol.asyncDispose]();
  assert.deepEqual((await quiesce(guest, undefined)).scripts, undefined);
});

test('what the guest says of its freeze is done', async () => {
  const freeze = async (setup: Setup) => (await run(setup)).quiet.freeze;
  const conf = (line: string) => `[SnapshotThread]\n${line}\n`;
  assert.deepEqual(await freeze({ backup: conf('timeout=5') }), { kind: 'freeze', freezeMs: 5_000 });
  assert.deepEqual(await freeze({ backup: conf('timeout: 600') }), { kind: 'freeze', freezeMs: 20_000 });
  assert.deepEqual(await freeze({ backup: conf('MountsToSkip = /srv/, /gone') }), { kind: 'freeze', mounts: ['/'] });
  assert.equal((await freeze({ backup: conf('MountsToSkip=/,/srv') })).kind, 'none');
  assert.equal((await freeze({ backup: conf('fsfreeze: False') })).kind, 'none');
  assert.equal((await freeze({ backup: conf('OnAppSuccessDoFsFreeze=False'), config: CONFIG })).kind, 'none');
  assert.equal((await freeze({ backup: conf('OnAppFailureDoFsFreeze=False'), config: CONFIG })).kind, 'freeze');
  const failed = { config: CONFIG, begin: 'result=failed' };
  assert.equal((await freeze({ backup: conf('OnAppFailureDoFsFreeze=False'), ...failed })).kind, 'none');
  assert.equal((await freeze({ config: { ...CONFIG, fsFreezeEnabled: false } })).kind, 'none');
});

test('without a freeze a point is worth what the scripts did', async () => {
  const unfrozen = result({ frozen: false });
  const config = { ...CONFIG, fsFreezeEnabled: false };
  assert.equal((await run({ config }, unfrozen)).consistency, 'application');
  const failed = await run({ config, begin: 'result=failed\nexit=1' }, unfrozen);
  assert.equal(failed.consistency, 'crash');
  assert.match(
    failed.consistencyReason ?? '',
    /^Pre-ScriptExecutionFailed: .*; the machine's fsFreezeEnabled is false$/,
  );
  const late = await run({ config: CONFIG }, result({ frozen: false, notFrozenWhy: 'it took too long' }));
  assert.deepEqual([late.consistency, late.consistencyReason], ['crash', 'it took too long']);
  assert.equal((await run({ backup: '[SnapshotThread]\nfsfreeze=False' }, unfrozen)).consistency, 'crash');
});

test("the plugin host's time is the most a script may take", async () => {
  const { started } = await run({
    config: { ...CONFIG, timeoutInSeconds: 60 },
    pluginHost: '[pre_post]\ntimeoutInSeconds=10\n',
  });
  assert.equal(started[1]![4], '10');
});
