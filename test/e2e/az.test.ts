import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AzVersion, whyNoAz } from '../servers/azureCli.ts';
import { AzRig } from './az/azRig.ts';
import { backupCommands, enableCommands, policyCommands, stopCommands } from './az/protectionCommands.ts';
import { restoreCommands } from './az/restoreCommands.ts';
import { guardCommands, vaultCommands } from './az/vaultCommands.ts';
import { whyNoQemu } from './guestRig.ts';

const VERSIONS: readonly AzVersion[] = ['2.45.0', '2.74.0'];

/** Commands for databases and file shares, which no vault of machines has. */
const FOR_WORKLOADS =
  /^backup (protectable-item|recoveryconfig|container (register|re-register|unregister)|protection (auto-|enable-for-azure(wl|fileshare))|restore restore-azure)/;

for (const version of VERSIONS)
  test(`every command of az backup ${version} for machines`, async (t) => {
    const why = (await whyNoQemu()) ?? (await whyNoAz(version));
    if (why !== undefined) return t.skip(why);
    await using rig = await AzRig.open(version);
    await vaultCommands(t, rig);
    await guardCommands(t, rig);
    await policyCommands(t, rig);
    await enableCommands(t, rig);
    await backupCommands(t, rig);
    await restoreCommands(t, rig);
    await stopCommands(t, rig);
    const ran = rig.az.history.map((words) => words.join(' '));
    const left = (await rig.az.commandsOf('backup')).filter(
      (command) => !FOR_WORKLOADS.test(command) && !ran.some((words) => `${words} `.startsWith(`${command} `)),
    );
    assert.deepEqual(left, [], 'no command was left out');
  });
