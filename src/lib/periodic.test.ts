import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from './log.ts';
import { Periodic } from './periodic.ts';
import { TurnedClock } from './turnedClock.ts';

test('a turn that fails is followed by the next one, after the rest', async () => {
  const clock = new TurnedClock();
  const begun = clock.now();
  const turns: number[] = [];
  const work = new Periodic({ clock, log: silentLogger, everyMs: 1000, what: 'the test' }, async () => {
    turns.push(clock.now() - begun);
    throw new Error('a bad turn');
  });
  work.start();
  work.start();
  await clock.turn(2500);
  assert.deepEqual(turns, [0, 1000, 2000], 'started twice, it runs once');
  await work.stop();
  await clock.turn(5000);
  assert.equal(turns.length, 3);
});

test('stopping aborts the turn under way and waits for it', async () => {
  const clock = new TurnedClock();
  const ended: string[] = [];
  const work: Periodic = new Periodic({ clock, log: silentLogger, everyMs: 1000, what: 'the test' }, async () => {
    await clock.sleep(60_000, work.signal).catch(() => {});
    ended.push('turn');
  });
  work.start();
  await work.stop();
  assert.deepEqual(ended, ['turn']);
});
