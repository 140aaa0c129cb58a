import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { AgentDoor } from './agentDoor.ts';
import { FakeAgent } from './fakeAgent.fixture.ts';
import { endInGuest, runInGuest } from './guestExec.ts';

/** Turns the clock by a second at a time until `work` ends; the seconds that took. */
const turnedUntilEnd = async (clock: TurnedClock, work: Promise<unknown>): Promise<number> => {
  const start = clock.now();
  let ended = false;
  const settled = work
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  while (!ended) await clock.turn(1_000);
  await settled;
  return (clock.now() - start) / 1000;
};

const unavailable = (error: unknown): boolean => isCoded(error, 'GuestAgentUnavailable');

test('a program is given its arguments and input as they are, and its output is read', async () => {
  const given: unknown[] = [];
  await using agent = await FakeAgent.open((...words) => {
    given.push(words);
    return { output: 'ü\n', exitCode: 3 };
  });
  const program = { path: '/bin/sh', args: ['-c', 'a "b" $c', ''], input: 'text\n' };
  const end = await runInGuest(new AgentDoor(agent.path), new TurnedClock(), program, { timeoutMs: 1_000 });
  assert.deepEqual([end, given], [{ exitCode: 3, output: 'ü\n' }, [[program.args, 'text\n']]]);
});

test('a program that does not end is given up when its time is over', async () => {
  await using agent = await FakeAgent.open(() => 'never');
  const clock = new TurnedClock();
  const program = { path: '/bin/sh', args: [] };
  const work = runInGuest(new AgentDoor(agent.path), clock, program, { timeoutMs: 600_000, pollMs: 5_000 });
  const seconds = turnedUntilEnd(clock, work);
  await assert.rejects(work, unavailable);
  assert.ok((await seconds) >= 600);
});

test('a machine that is gone is not waited for until then', async () => {
  const agent = await FakeAgent.open();
  await agent[Symbol.asyncDispose]();
  const clock = new TurnedClock();
  const work = endInGuest(new AgentDoor(agent.path), clock, 0, { timeoutMs: 1_800_000, pollMs: 1_000 });
  const seconds = turnedUntilEnd(clock, work);
  await assert.rejects(work, unavailable);
  const took = await seconds;
  assert.ok(took >= 60 && took < 300, `${took} s by the clock`);
});
