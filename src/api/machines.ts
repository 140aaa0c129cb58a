import { type CodedError, type ErrorDetail, type ErrorOptions, isCoded } from '../lib/error.ts';
import type { MachineSource, MachineView } from './machineSource.ts';
import type { Services } from './services.ts';

type Finder = Pick<Services, 'hosts' | 'log'>;

/** Every machine of every host, by group and name. A host that cannot answer hides its own machines only. */
export async function listMachines({ hosts, log }: Finder, signal?: AbortSignal): Promise<MachineView[]> {
  const lists = await Promise.all(hosts.map((host) => listOf(host, log, signal)));
  return lists.flat().sort((a, b) => compare(a.resourceGroup, b.resourceGroup) || compare(a.name, b.name));
}

interface MachineRef {
  readonly resourceGroup: string;
  readonly name: string;
}

/** The machine of that group and name, compared without case; undefined when no host has it. */
export const findMachine = async (finder: Finder, ref: MachineRef, signal?: AbortSignal) =>
  (await look(finder, ref, signal)).machine;

/**
 * The same, where a machine is needed: `notFound` makes the error, which also tells what kept hosts from knowing
 * the machine, such as a description that cannot be used.
 */
export async function getMachine(
  finder: Finder,
  ref: MachineRef,
  notFound: (why: Pick<ErrorOptions, 'details' | 'recommendations'>) => CodedError,
  signal?: AbortSignal,
): Promise<MachineView> {
  const { machine, problems } = await look(finder, ref, signal);
  if (machine) return machine;
  const recommendations = ['The machine may be one of those whose descriptions cannot be used: see the details.'];
  throw notFound(problems.length === 0 ? {} : { details: problems, recommendations });
}

async function look(
  { hosts }: Finder,
  ref: MachineRef,
  signal?: AbortSignal,
): Promise<{ machine?: MachineView; problems: readonly ErrorDetail[] }> {
  const problems: ErrorDetail[] = [];
  let unavailable: unknown;
  for (const host of hosts) {
    try {
      return { machine: await host.find(ref, signal), problems: [] };
    } catch (error) {
      if (isCoded(error, 'HostUnavailable')) unavailable = error;
      else if (isCoded(error, 'BCMV2VMNotFound')) problems.push(...error.details);
      else throw error;
    }
  }
  // "It is not there" must not be said while a host that may have it is silent.
  if (unavailable) throw unavailable;
  return { problems };
}

async function listOf(
  host: MachineSource,
  log: Services['log'],
  signal?: AbortSignal,
): Promise<readonly MachineView[]> {
  try {
    return (await host.list(signal)).machines;
  } catch (error) {
    if (!isCoded(error, 'HostUnavailable')) throw error;
    log.warn({ host: host.name, err: error }, 'host left out of the list');
    return [];
  }
}

const compare = (a: string, b: string): number => a.toLowerCase().localeCompare(b.toLowerCase(), 'en');
