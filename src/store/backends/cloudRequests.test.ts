import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../lib/clock.ts';
import { isCoded } from '../../lib/error.ts';
import { Requests } from './cloudRequests.ts';
import { MemoryBackend } from './memory.ts';
import { ReplicatedBackend } from './replicated.ts';

/** What a timer of the system takes; with more it fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

test('whatever length is asked for, the time for the answer is one that a timer can wait', async () => {
  const delays: number[] = [];
  const sleep = (delayMs: number): Promise<void> => {
    delays.push(delayMs);
    return new Promise(() => {});
  };
  const clock: Clock = { now: () => 0, sleep };
  const requests = new Requests({ place: 'a place', failureOf: () => undefined, clock });
  await requests.send({ verb: 'get', target: 'fmt', bytes: 2 ** 50 }, async () => 'answer');
  const copies = new ReplicatedBackend([{ name: 'copy', backend: new MemoryBackend() }], 1, clock);
  await assert.rejects(copies.get('fmt', { offset: 0, length: 2 ** 50 }));
  assert.equal(delays.length, 2);
  for (const delayMs of delays) assert.ok(delayMs > 3_600_000 && delayMs <= LONGEST_TIMER_MS, String(delayMs));
});

test('where nobody listens a request is given up soon; a service that stumbles is asked again and again', async () => {
  const clock: Clock = {
    now: () => 0,
    sleep: async (delayMs, signal) => void (delayMs > 59_000 && (await ended(signal))),
  };
  const attemptsAt = async (code: string): Promise<number> => {
    let attempts = 0;
    const failureOf = () => ({ status: code === 'SlowDown' ? 503 : undefined, code, message: code });
    const requests = new Requests({ place: 'a place', failureOf, clock });
    const refused = requests.send({ verb: 'get', target: 'fmt' }, async () => {
      attempts++;
      throw new Error(code);
    });
    await assert.rejects(refused, (error) => isCoded(error, 'StoreIoFailed'));
    return attempts;
  };
  assert.equal(await attemptsAt('ECONNREFUSED'), 3);
  assert.equal(await attemptsAt('SlowDown'), 8);
});

/** The wait for an answer goes on until the answer is there. */
const ended = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
