import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  callEndOfProtection,
  callIntents,
  callPolicies,
  callPreChecks,
  callProtection,
  callRecoveryPoints,
} from './sdk/protectionOperations.ts';
import { callJobs, callResourceGuards, callUnservedOfBackup, callVaultSettings } from './sdk/settingsOperations.ts';
import { callDeletedVaults, callUnservedOfVaults, callVaultOperations } from './sdk/vaultOperations.ts';
import { openWorld, type World } from './sdk/world.ts';

const world = await openWorld();
after(() => world[Symbol.asyncDispose]());

/** One server for all of them, in this order: what one makes the next one uses. */
const STORIES: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'vaults, their names, usages and operations': callVaultOperations,
  'vaults that were deleted': callDeletedVaults,
  'what a vault does not have': callUnservedOfVaults,
  'settings of a vault': callVaultSettings,
  'questions before protection': callPreChecks,
  policies: callPolicies,
  'resource guards': callResourceGuards,
  intents: callIntents,
  protection: callProtection,
  'recovery points and restores': callRecoveryPoints,
  jobs: callJobs,
  'what the backup provider does not have': callUnservedOfBackup,
  'the end of protection': callEndOfProtection,
};

for (const [what, story] of Object.entries(STORIES))
  test(`through the official clients, over TLS: ${what}`, () => story(world));

test('no operation of the official clients was left out', (t) => {
  t.diagnostic(`${world.offered.length} operations`);
  assert.ok(world.offered.length > 95, `only ${world.offered.length} operations were found`);
  assert.deepEqual(world.uncalled(), [], 'call them in a story of test/sdk, and say what the right answer is');
});
