import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { wrongWith } from './judge.ts';

const AT_ONCE = 4;

/** Sends them all; asserts that each was answered as it must be, that nothing changed, and that the server still serves. */
export async function runAll(t: TestContext, server: HostileServer, requests: readonly Hostile[]): Promise<void> {
  const before = server.state();
  const wrong: string[] = [];
  const left = [...requests].toReversed();
  const sendOn = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) wrong.push(...(await answerOf(server, next)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendOn));
  t.diagnostic(`${requests.length} hostile requests`);
  assert.ok(requests.length > 0);
  assert.equal(wrong.length, 0, `${wrong.length} wrong:\n${wrong.slice(0, 25).join('\n')}`);
  assert.deepEqual(server.state(), before, 'something changed');
  assert.deepEqual(Object.keys({ ...({} as object) }), []);
  await assertServes(server);
}

async function answerOf(server: HostileServer, hostile: Hostile): Promise<readonly string[]> {
  try {
    return wrongWith(server, hostile, await server.ask(hostile.ask));
  } catch (error) {
    return [
      `${hostile.what}\n    ${hostile.ask.method} ${hostile.ask.target.slice(0, 200)}\n    no answer: ${String(error)}`,
    ];
  }
}

export async function assertServes(server: HostileServer): Promise<void> {
  const vault = await server.must('GET', `${server.vault}?api-version=2024-04-01`);
  assert.equal(vault.name, 'keep');
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
}
