import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { Pace } from './pace.ts';

const aRequest = () => new PassThrough() as unknown as IncomingMessage;

test('a slow body gets its time, one that stands still is ended', async () => {
  const clock = new TurnedClock();
  const request = aRequest();
  const ended = new Promise<Error>((resolve) => request.once('error', resolve));
  using pace = new Pace(request, clock);
  for (let minute = 0; minute < 60; minute++) {
    pace.count(2 ** 19);
    await clock.turn(30_000);
    assert.equal(request.destroyed, false);
  }
  pace.count(1000);
  await clock.turn(30_000);
  assert.match((await ended).message, /too slowly/);
});

test('nothing is watched once the body is there', async () => {
  const clock = new TurnedClock();
  const request = aRequest();
  new Pace(request, clock)[Symbol.dispose]();
  await clock.turn(120_000);
  assert.equal(request.destroyed, false);
});
