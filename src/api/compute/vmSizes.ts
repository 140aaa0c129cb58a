import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { CodedError } from '../../lib/error.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import { sameName } from '../ids.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';

/** What a size means to a host. */
export interface VmSize {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly maxDataDisks: number;
}

const size = (name: string, cpus: number, memoryGiB: number, maxDataDisks: number): VmSize => ({
  name,
  cpus,
  memoryMiB: memoryGiB * 1024,
  maxDataDisks,
});

const VM_SIZES: readonly VmSize[] = [
  size('Standard_B1ls', 1, 0.5, 2),
  size('Standard_B1s', 1, 1, 2),
  size('Standard_B1ms', 1, 2, 2),
  size('Standard_B2s', 2, 4, 4),
  size('Standard_B2ms', 2, 8, 4),
  size('Standard_B4ms', 4, 16, 8),
  size('Standard_A1_v2', 1, 2, 2),
  size('Standard_A2_v2', 2, 4, 4),
  size('Standard_DS1_v2', 1, 3.5, 4),
  size('Standard_DS2_v2', 2, 7, 8),
  size('Standard_DS3_v2', 4, 14, 16),
  size('Standard_F2s_v2', 2, 4, 4),
  size('Standard_F4s_v2', 4, 8, 8),
  size('Standard_D2s_v3', 2, 8, 4),
  size('Standard_D4s_v3', 4, 16, 8),
  size('Standard_D8s_v3', 8, 32, 16),
  size('Standard_D2s_v5', 2, 8, 4),
  size('Standard_D4s_v5', 4, 16, 8),
  size('Standard_D8s_v5', 8, 32, 16),
  size('Standard_E2s_v3', 2, 16, 4),
  size('Standard_E4s_v3', 4, 32, 8),
  size('Standard_E2s_v5', 2, 16, 4),
];

/** Errors: InvalidParameter naming the sizes there are. */
export function requireSize(name: string): VmSize {
  const found = VM_SIZES.find((one) => sameName(one.name, name));
  if (found) return found;
  throw new CodedError(
    'InvalidParameter',
    `The value ${name.slice(0, 64)} provided for the VM size is not valid. The valid sizes here are: ${VM_SIZES.map((one) => one.name).join(', ')}.`,
    { target: 'properties.hardwareProfile.vmSize' },
  );
}

/** As `az vm list-sizes` shows it. */
const sizeToWire = ({ name, cpus, memoryMiB, maxDataDisks }: VmSize) => ({
  name,
  numberOfCores: cpus,
  memoryInMB: memoryMiB,
  maxDataDiskCount: maxDataDisks,
  osDiskSizeInMB: 1_047_552,
  resourceDiskSizeInMB: 0,
});

const LOCATION = '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}';

/** The sizes that machines can be made in. */
export const vmSizes = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: 'Microsoft.Compute/locations/vmSizes',
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `${LOCATION}/vmSizes`,
        action: 'Microsoft.Compute/locations/vmSizes/read',
        access: 'authenticated',
        summary: 'Lists the sizes of virtual machines.',
        handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          return context.listFrom(VM_SIZES, ({ name }) => name, sizeToWire);
        },
      }),
    ],
  }),
  defineRoutes({
    type: 'Microsoft.Compute/skus',
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/skus',
        action: 'Microsoft.Compute/skus/read',
        access: 'authenticated',
        summary: 'Lists the sizes of virtual machines as SKUs.',
        filter: { location: 'string' },
        handler(context) {
          requireSubscription(services, context.params.subscriptionId);
          const { location } = services.config;
          return context.listFrom(
            VM_SIZES,
            ({ name }) => name,
            (one) => skuToWire(one, location),
          );
        },
      }),
    ],
  }),
];

const skuToWire = ({ name, cpus, memoryMiB, maxDataDisks }: VmSize, location: string) => ({
  resourceType: 'virtualMachines',
  name,
  tier: 'Standard',
  size: name.replace('Standard_', ''),
  family: `standard${name.replace(/^Standard_([A-Z]+).*$/, '$1')}Family`,
  locations: [location],
  locationInfo: [{ location, zones: [], zoneDetails: [] }],
  capabilities: [
    { name: 'vCPUs', value: String(cpus) },
    { name: 'MemoryGB', value: String(memoryMiB / 1024) },
    { name: 'MaxDataDiskCount', value: String(maxDataDisks) },
    { name: 'HyperVGenerations', value: 'V1' },
    { name: 'PremiumIO', value: 'True' },
    { name: 'AcceleratedNetworkingEnabled', value: 'False' },
  ],
  restrictions: [],
});
