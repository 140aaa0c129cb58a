import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inParallel } from './inParallel.ts';
import { turn } from './turn.ts';

async function* numbers(count: number): AsyncIterable<number> {
  for (let number = 0; number < count; number++) yield number;
}

test('no more than the limit are under way, and all are done at the end', async () => {
  let [now, most] = [0, 0];
  const done: number[] = [];
  await inParallel(numbers(20), 3, async (number) => {
    most = Math.max(most, ++now);
    for (let wait = 0; wait < 1 + (number % 4); wait++) await turn();
    now--;
    done.push(number);
  });
  assert.equal(most, 3);
  assert.deepEqual(
    done.sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, number) => number),
  );
});

test('an error ends it: what is under way ends first, nothing further begins', async () => {
  const [begun, done]: number[][] = [[], []];
  const failing = inParallel(numbers(20), 3, async (number) => {
    begun!.push(number);
    await turn();
    if (number === 4) throw new Error('the fifth');
    await turn();
    done!.push(number);
  });
  await assert.rejects(failing, { message: 'the fifth' });
  assert.equal(begun!.length, done!.length + 1);
  assert.ok(begun!.length < 10);
});

test('an error of the items themselves is told when what is under way has ended', async () => {
  let done = false;
  async function* broken(): AsyncIterable<number> {
    yield 1;
    throw new Error('no more');
  }
  const failing = inParallel(broken(), 2, async () => {
    await turn();
    done = true;
  });
  await assert.rejects(failing, { message: 'no more' });
  assert.ok(done);
});
