import { CodedError } from '../lib/error.ts';
import { listMachines } from './machines.ts';
import type { Services } from './services.ts';

/** 'West Europe' → 'westeurope'. */
export const normalLocation = (location: string): string => location.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Errors: LocationRequired. */
export function requireLocation(location: string | undefined): string {
  if (location !== undefined) return location;
  throw new CodedError('LocationRequired', 'The location property is required for this definition.', {
    target: 'location',
  });
}

/**
 * The location as ARM spells it, if the server or one of its machines is there: a vault elsewhere could
 * protect nothing. Errors: LocationRequired, LocationNotAvailableForResourceType.
 */
export async function checkLocation(
  services: Services,
  location: string | undefined,
  type: string,
  signal: AbortSignal,
): Promise<string> {
  const wanted = normalLocation(requireLocation(location));
  const home = normalLocation(services.config.location);
  if (wanted === home) return services.config.location;
  const machines = await listMachines(services, signal);
  const legal = new Map(machines.map((machine) => [normalLocation(machine.location), machine.location]));
  const found = legal.get(wanted);
  if (found !== undefined) return found;
  const names = [services.config.location, ...legal.values()].filter((name, at, all) => all.indexOf(name) === at);
  throw new CodedError(
    'LocationNotAvailableForResourceType',
    `The provided location '${location}' is not available for resource type '${type}'. List of available regions for the resource type is '${names.join(',')}'.`,
    { target: 'location' },
  );
}
