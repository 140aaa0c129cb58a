import assert from 'node:assert/strict';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { cut } from './cut.ts';
import type { CutPlan } from './cutPlan.ts';

type Answer = (
  command: string,
  request: { readonly execute: string; readonly arguments?: { readonly id?: number } },
) => string | Uint8Array | undefined;

/** A peer that answers each line as `answer` says; undefined: not at all. */
const serve = (path: string, seen: string[], answer: Answer, greeting = ''): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(greeting);
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          const line = text.slice(0, end).replace('\xff', '');
          text = text.slice(end + 1);
          const request = JSON.parse(line) as { execute: string };
          seen.push(request.execute);
          const reply = answer(request.execute, request);
          if (reply !== undefined) socket.write(reply);
        }
      });
    });
    server.listen(path, () => resolve(server));
  });

const synced = (id: number | undefined) => Buffer.from(`\xff{"return":${id}}\n`, 'latin1');

/** An agent that does everything right, but for what `different` says. */
const agentThat =
  (different: Answer = () => undefined, silentOn: readonly string[] = []): Answer =>
  (command, request) => {
    const other = different(command, request);
    if (other !== undefined || silentOn.includes(command)) return other;
    if (command === 'guest-sync-delimited') return synced(request.arguments?.id);
    if (command === 'guest-fsfreeze-status') return '{"return":"thawed"}\n';
    return '{"return":2}\n';
  };

const QMP_GREETING = '{"QMP":{}}\n';
const done: Answer = (_, request) => `{"return":{},"id":${(request as { id?: number }).id}}\n`;
const LIMITS = { syncMs: 60, freezeMs: 60, windowMs: 300, thawMs: 60, thawTries: 3, commandMs: 200 };

const runCut = async (
  agent: Answer,
  qmp: Answer = done,
  options: { pause?: boolean; signal?: AbortSignal; mounts?: readonly string[] } = {},
) => {
  const folder = await mkdtemp(join(tmpdir(), 'sr-cut-'));
  const seen: string[] = [];
  const servers = [
    await serve(join(folder, 'agent'), seen, agent),
    await serve(join(folder, 'qmp'), seen, qmp, QMP_GREETING),
  ];
  const plan: CutPlan = {
    qmpSocket: join(folder, 'qmp'),
    agentSocket: join(folder, 'agent'),
    ...(options.mounts ? { mounts: options.mounts } : {}),
    pause: options.pause ?? true,
    stoppedMark: join(folder, 'stopped'),
    commands: [{ execute: 'transaction' }, { execute: 'blockdev-add' }],
    limits: LIMITS,
  };
  try {
    const result = await cut(plan, systemClock, options.signal ?? new AbortController().signal);
    await assert.rejects(access(plan.stoppedMark), 'no mark is left');
    return {
      result,
      seen: seen.filter((command) => command !== 'guest-sync-delimited' && command !== 'qmp_capabilities'),
    };
  } finally {
    for (const server of servers) server.close();
    await rm(folder, { recursive: true, force: true });
  }
};

const THAW = ['guest-fsfreeze-thaw', 'guest-fsfreeze-status'];
const CUT = ['stop', 'transaction', 'blockdev-add', 'cont'];

test('a guest is frozen, its vCPUs stopped, and both undone in order', async () => {
  const { result, seen } = await runCut(agentThat());
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', ...CUT, ...THAW]);
  assert.equal(result.frozen, true);
  assert.equal(result.error, undefined);
});

test('only the named file systems are frozen', async () => {
  let asked: unknown;
  const agent = agentThat((command, request) => {
    if (command === 'guest-fsfreeze-freeze-list') asked = request.arguments;
    return undefined;
  });
  const { result, seen } = await runCut(agent, done, { mounts: ['/', '/srv'] });
  assert.deepEqual(seen, ['guest-fsfreeze-freeze-list', ...CUT, ...THAW]);
  assert.deepEqual([asked, result.frozen], [{ mountpoints: ['/', '/srv'] }, true]);
});

test('a machine that does not run is not paused', async () => {
  const { seen } = await runCut(agentThat(), done, { pause: false });
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', 'transaction', 'blockdev-add', ...THAW]);
});

test('a silent agent leaves a crash-consistent cut with its reason', async () => {
  const { result, seen } = await runCut(() => undefined);
  assert.deepEqual(seen, CUT);
  assert.equal(result.frozen, false);
  assert.match(
    result.notFrozenWhy ?? '',
    /^the guest agent does not answer \(is it installed and running in the machine\?\)$/,
  );
});

test('a freeze that is not answered in time is followed by a thaw, and the cut goes on without', async () => {
  const { result, seen } = await runCut(agentThat(undefined, ['guest-fsfreeze-freeze']));
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', ...THAW, ...CUT]);
  assert.equal(result.frozen, false);
  assert.match(result.notFrozenWhy ?? '', /^the guest agent did not freeze the file systems in 0\.06 s/);
  assert.equal(result.stillFrozen, undefined);
});

test('a freeze that the agent refuses is told with its words', async () => {
  const refuse: Answer = (command) =>
    command === 'guest-fsfreeze-freeze' ? '{"error":{"class":"GenericError","desc":"hook failed"}}\n' : undefined;
  const { result, seen } = await runCut(agentThat(refuse));
  assert.deepEqual(seen.slice(0, 3), ['guest-fsfreeze-freeze', ...THAW]);
  assert.match(result.notFrozenWhy ?? '', /refused guest-fsfreeze-freeze: hook failed/);
});

test('a command that QEMU refuses ends the cut; the guest runs and is thawed', async () => {
  const refuse: Answer = (command, request) =>
    command === 'transaction'
      ? `{"error":{"class":"GenericError","desc":"no room"},"id":${(request as { id?: number }).id}}\n`
      : done(command, request);
  const { result, seen } = await runCut(agentThat(), refuse);
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', 'stop', 'transaction', 'cont', ...THAW]);
  assert.match(result.error ?? '', /no room/);
});

test('a monitor that hangs does not hold the guest frozen', async () => {
  const hang: Answer = (command, request) => (command === 'transaction' ? undefined : done(command, request));
  const { result, seen } = await runCut(agentThat(), hang);
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', 'stop', 'transaction', 'cont', ...THAW]);
  assert.ok(result.error);
  assert.ok(result.frozenMs < 1000);
});

test('when the parent is gone, the guest runs again before the cut ends', async () => {
  const parent = new AbortController();
  const dying: Answer = (command, request) => {
    if (command === 'transaction') parent.abort(new Error('gone'));
    return done(command, request);
  };
  const { result, seen } = await runCut(agentThat(), dying, { signal: parent.signal });
  assert.deepEqual(seen, ['guest-fsfreeze-freeze', 'stop', 'transaction', 'cont', ...THAW]);
  assert.ok(result.error);
});

test('a thaw is sent again until the guest says it is thawed', async () => {
  let asked = 0;
  const slow: Answer = (command) =>
    command === 'guest-fsfreeze-status' && asked++ === 0 ? '{"return":"frozen"}\n' : undefined;
  const { result, seen } = await runCut(agentThat(slow));
  assert.deepEqual(seen.slice(-4), [...THAW, ...THAW]);
  assert.equal(result.stillFrozen, undefined);
});

test('an agent that hangs in the thaw is told of, and does not hold the cut', async () => {
  const { result } = await runCut(agentThat(undefined, ['guest-fsfreeze-thaw', 'guest-fsfreeze-status']));
  assert.match(result.stillFrozen ?? '', /could not be thawed/);
  assert.equal(result.error, undefined);
});

const HOSTILE: readonly (readonly [string, string | Uint8Array])[] = [
  ['a flood without a line feed', new Uint8Array(2 << 20).fill(65)],
  ['a flood of lines', `${'{"return":"?"}\n'.repeat(2_000)}`],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22, 10])],
  ['what is no JSON', 'frozen!\n'],
  ['a JSON that is no object', '7\n'],
];

for (const [title, bytes] of HOSTILE) {
  test(`an agent that answers the freeze with ${title} does no harm`, async () => {
    const hostile: Answer = (command) => (command === 'guest-fsfreeze-freeze' ? bytes : undefined);
    const { result, seen } = await runCut(agentThat(hostile));
    assert.deepEqual(seen.slice(-4), CUT);
    assert.ok(seen.includes('guest-fsfreeze-thaw'));
    assert.equal(result.frozen, false);
    assert.equal(result.stillFrozen, undefined);
    assert.equal(result.error, undefined);
  });
}
