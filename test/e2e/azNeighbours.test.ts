import { test } from 'node:test';
import { type AzVersion, whyNoAz } from '../servers/azureCli.ts';
import { accessCommands } from './az/accessCommands.ts';
import { disasterCommands } from './az/disasterCommands.ts';
import { machineCommands, removalCommands, resourceCommands } from './az/neighbourCommands.ts';
import { NeighbourRig } from './az/neighbourRig.ts';
import { whyNoQemu } from './guestRig.ts';

/** The older CLI polls long: STRONGROOM_LONG=1 runs it too. */
const VERSIONS: readonly AzVersion[] = process.env.STRONGROOM_LONG === undefined ? ['2.74.0'] : ['2.45.0', '2.74.0'];

for (const version of VERSIONS)
  test(`what scripts do beside az backup, by az ${version}`, async (t) => {
    const why = (await whyNoQemu()) ?? (await whyNoAz(version));
    if (why !== undefined) return t.skip(why);
    await using rig = await NeighbourRig.open(version);
    await resourceCommands(t, rig);
    await machineCommands(t, rig);
    await disasterCommands(t, rig);
    await accessCommands(t, rig);
    await removalCommands(t, rig);
  });
