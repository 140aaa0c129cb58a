import { isCoded } from '../lib/error.ts';
import type { MachineSource, MachineView } from './machineSource.ts';
import type { Services } from './services.ts';

type Finder = Pick<Services, 'hosts' | 'log'>;

/** Every machine of every host, by group and name. A host that cannot answer hides its own machines only. */
export async function listMachines({ hosts, log }: Finder, signal?: AbortSignal): Promise<MachineView[]> {
  const lists = await Promise.all(hosts.map((host) => listOf(host, log, signal)));
  return lists.flat().sort((a, b) => compare(a.resourceGroup, b.resourceGroup) || compare(a.name, b.name));
}

/** The machine of that group and name, compared without case; undefined when no host has it. */
export async function findMachine(
  { hosts }: Finder,
  ref: { readonly resourceGroup: string; readonly name: string },
  signal?: AbortSignal,
): Promise<MachineView | undefined> {
  let unavailable: unknown;
  for (const host of hosts) {
    try {
      return await host.find(ref, signal);
    } catch (error) {
      if (isCoded(error, 'HostUnavailable')) unavailable = error;
      else if (!isCoded(error, 'BCMV2VMNotFound')) throw error;
    }
  }
  // "It is not there" must not be said while a host that may have it is silent.
  if (unavailable) throw unavailable;
  return undefined;
}

async function listOf(
  host: MachineSource,
  log: Services['log'],
  signal?: AbortSignal,
): Promise<readonly MachineView[]> {
  try {
    const { machines, problems } = await host.list(signal);
    for (const problem of problems) log.warn({ host: host.name, problem }, 'machine left out of the list');
    return machines;
  } catch (error) {
    if (!isCoded(error, 'HostUnavailable')) throw error;
    log.warn({ host: host.name, err: error }, 'host left out of the list');
    return [];
  }
}

const compare = (a: string, b: string): number => a.toLowerCase().localeCompare(b.toLowerCase(), 'en');
