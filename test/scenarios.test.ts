import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readSteps } from './scenarios/scenario.ts';
import { ScenarioServer } from './scenarios/scenarioServer.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');

void describe('scenarios', { concurrency: 2 }, () => {
  const stories = readdirSync(FOLDER, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== 'given',
  );
  for (const { name } of stories)
    test(name.replaceAll('-', ' '), async () => {
      const steps = readSteps(join(FOLDER, name));
      assert.ok(
        steps.some(({ expect }) => expect !== undefined),
        'it expects something',
      );
      await using server = await ScenarioServer.open(Object.assign({}, ...steps.map(({ settings }) => settings)));
      for (const step of steps) await server.run(step);
      assert.deepEqual(server.unhit, [], 'no prepared fault is left');
    });
});
