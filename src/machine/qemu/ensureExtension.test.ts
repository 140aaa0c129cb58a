import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import type { DescribedMachine } from '../description/folder.ts';
import { EXTENSION_PROGRAM, EXTENSION_VERSION } from '../extension/program.ts';
import { AgentDoor } from './agentDoor.ts';
import { ensureExtension } from './ensureExtension.ts';
import { FakeAgent } from './fakeAgent.fixture.ts';
import type { MachineHandle } from './machineHandle.ts';

interface Setup {
  readonly power?: 'running' | 'stopped';
  readonly osType?: 'Linux' | 'Windows';
  readonly qemu?: { readonly qmpSocket: string };
}

const ensure = (agent: FakeAgent, { power = 'running', osType = 'Linux', qemu }: Setup = {}) => {
  const handle = { agent: new AgentDoor(agent.path), powerState: async () => power } as unknown as MachineHandle;
  return ensureExtension({ osType, qemu: qemu ?? {} } as DescribedMachine, handle, systemClock);
};

/** A guest that keeps what is installed in it, as far as its disk lets it. */
const guestWith = async (installed: string | undefined, { readOnly = false } = {}) => {
  const guest = { installed, written: undefined as string | undefined };
  const agent = await FakeAgent.open((_, input) => {
    if (input !== undefined) {
      if (readOnly) return { exitCode: 1 };
      guest.written = input;
      guest.installed = /^VERSION=(.*)$/m.exec(input)?.[1];
      return {};
    }
    return guest.installed === undefined ? { exitCode: 1 } : { output: `version=${guest.installed}\n` };
  });
  return { guest, agent };
};

test('it is installed where there is none or an older one, and left alone where it is as new', async () => {
  for (const before of [undefined, '0.9', 'odd']) {
    const { guest, agent } = await guestWith(before);
    await using _ = agent;
    assert.deepEqual(await ensure(agent), { status: 'installed', version: EXTENSION_VERSION, changed: true });
    assert.equal(guest.written, EXTENSION_PROGRAM);
    assert.deepEqual(await ensure(agent), { status: 'installed', version: EXTENSION_VERSION, changed: false });
  }
  const { guest, agent } = await guestWith('99.0');
  await using _ = agent;
  assert.deepEqual(await ensure(agent), { status: 'installed', version: '99.0', changed: false });
  assert.equal(guest.written, undefined);
});

test('a machine that is off is not asked, and Windows needs none', async () => {
  const { agent } = await guestWith(undefined);
  await using _ = agent;
  assert.deepEqual(await ensure(agent, { power: 'stopped' }), { status: 'machineOff' });
  assert.equal((await ensure(agent, { osType: 'Windows' })).status, 'unsupported');
  assert.equal((await ensure(agent, { qemu: { qmpSocket: '/elsewhere' } })).status, 'unsupported');
  assert.deepEqual(agent.started, []);
});

test('what keeps it from being installed is told with what can be done', async () => {
  const { agent } = await guestWith(undefined, { readOnly: true });
  const readOnly = await ensure(agent);
  assert.ok(readOnly.status === 'failed' && readOnly.why.includes('could not be written'));
  agent.refused.add('guest-exec');
  const blocked = await ensure(agent);
  assert.ok(blocked.status === 'failed' && blocked.recommendation.includes('block-rpcs'));
  await agent[Symbol.asyncDispose]();
  const silent = await ensure(agent);
  assert.ok(silent.status === 'failed' && silent.recommendation.includes('Install the QEMU guest agent'));
});
