import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { DescribedMachine } from '../description/folder.ts';
import { machineKey } from '../machineRef.ts';

export interface Sockets {
  readonly qmp: string;
  readonly agent: string;
  readonly pidFile: string;
}

/** Where a machine that we start listens: the same places after every restart of ours. */
export const managedSockets = (runFolder: string, machine: DescribedMachine): Sockets => {
  const stem = join(runFolder, createHash('sha256').update(machineKey(machine)).digest('hex').slice(0, 16));
  return { qmp: `${stem}.qmp`, agent: `${stem}.agent`, pidFile: `${stem}.pid` };
};
