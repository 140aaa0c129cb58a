import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explore } from './explore.ts';
import { collectionModel } from './protocol.ts';
import type { Rule, Setting } from './setting.ts';

const ONE: Setting = { sessions: [0], hits: [2], zombie: false, crashes: 0, rollback: false, collections: 2 };
const SETTINGS: Readonly<Record<string, Setting>> = {
  'one writer and a crash': { ...ONE, hits: [1, 2], crashes: 1 },
  'two writers': { ...ONE, sessions: [0, 2], hits: [2] },
  'a writer that lost its lease, and its successor': { ...ONE, sessions: [0, 1], hits: [2, 3], zombie: true },
  'a database put back from an old copy': { ...ONE, rollback: true },
};

void describe('no point is lost by collection, whatever the order of steps', () => {
  for (const [name, setting] of Object.entries(SETTINGS))
    test(name, (t) => {
      const { states, violation, isComplete, met } = explore(collectionModel(setting));
      assert.equal(violation, undefined, violation ? [violation.why, ...violation.steps].join('\n') : '');
      assert.ok(isComplete);
      assert.equal(met.size, 4, 'space is freed in every way, and new points are made');
      t.diagnostic(`${states} states`);
    });
});

/** In which setting the lack of a rule shows. */
const NEEDED: readonly (readonly [Rule, Setting])[] = [
  ['R1', ONE],
  ['R2', ONE],
  ['R2, the name that was seen', ONE],
  ['R3', ONE],
  ['R4', ONE],
  ['R5', ONE],
  ['R5, the outbox', ONE],
  ['R6', ONE],
  ['R7, deleting first', ONE],
  ['R7, gc first', { ...ONE, rollback: true }],
  ['R8', { ...ONE, rollback: true }],
  ['R9', { ...ONE, sessions: [0, 1], zombie: true }],
];

void describe('each rule is needed', () => {
  for (const [rule, setting] of NEEDED)
    test(`without ${rule} a point is lost`, (t) => {
      const { states, violation } = explore(collectionModel({ ...setting, without: rule }));
      assert.ok(violation, `${states} states and no violation: the rule is not needed, or the model does not see why`);
      t.diagnostic(`${violation.why} after ${violation.steps.length} steps, ${states} states seen`);
    });
});
