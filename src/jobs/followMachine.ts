import { getItem, updateItem } from '../db/items.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Machine, MachineHost, MachineRef } from '../machine/machine.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { JobContext } from './context.ts';

export interface FoundMachine {
  readonly host: MachineHost;
  readonly machine: Machine;
}

/**
 * The machine an item stands for as it is now, on its host or another: one that was deleted and made again under the
 * same name and group is taken up, and the item says so. Errors: BCMV2VMNotFound, HostUnavailable (it may be there).
 */
export async function followMachine(context: JobContext, item: ProtectedItem): Promise<FoundMachine> {
  const { db, clock, log } = context;
  const found = await search(context, item);
  const [host, vmId] = [found.host.name, found.machine.vmId];
  if (host === item.host && vmId === item.vmId) return found;
  log.warn({ item: item.id, was: [item.host, item.vmId], is: [host, vmId] }, 'the item follows another machine');
  await db.transaction(async (tx) => {
    const now = await getItem(tx, item.id);
    if (now) await updateItem(tx, { ...now, host, vmId, updatedAt: clock.now() });
  });
  return found;
}

async function search({ hosts, signal }: JobContext, item: ProtectedItem): Promise<FoundMachine> {
  const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
  const inOrder = hosts.all.toSorted((a, b) => Number(b.name === item.host) - Number(a.name === item.host));
  let silent: unknown;
  for (const host of inOrder) {
    try {
      return { host, machine: await host.find(ref, signal) };
    } catch (error) {
      if (isCoded(error, 'HostUnavailable')) silent ??= error;
      else if (!isCoded(error, 'BCMV2VMNotFound')) throw error;
      // its own host being silent, a machine of that name elsewhere is not the one
      if (silent !== undefined && host.name === item.host) throw silent;
    }
  }
  throw silent ?? gone(item);
}

const gone = (item: ProtectedItem): CodedError =>
  new CodedError(
    'BCMV2VMNotFound',
    `Could not perform the operation as VM no longer exists: no host has a virtual machine '${item.vmName}' in the resource group '${item.resourceGroup}'.`,
    {
      target: item.sourceResourceId,
      recommendations: [
        'Make the machine again under the same name and resource group: its backups go on, the next one reads it whole.',
        'Or stop its protection; its points stay, or are deleted, as you say. Until then they expire as the policy says, but for the newest.',
      ],
    },
  );
