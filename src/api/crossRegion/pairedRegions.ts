import { normalLocation } from '../locations.ts';

/** Regions that are each other's second one; az knows the same table. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['eastasia', 'southeastasia'],
  ['australiaeast', 'australiasoutheast'],
  ['australiacentral', 'australiacentral2'],
  ['canadacentral', 'canadaeast'],
  ['chinanorth', 'chinaeast'],
  ['chinanorth2', 'chinaeast2'],
  ['chinanorth3', 'chinaeast3'],
  ['northeurope', 'westeurope'],
  ['francecentral', 'francesouth'],
  ['germanycentral', 'germanynortheast'],
  ['germanywestcentral', 'germanynorth'],
  ['centralindia', 'southindia'],
  ['japaneast', 'japanwest'],
  ['koreacentral', 'koreasouth'],
  ['eastus', 'westus'],
  ['eastus2', 'centralus'],
  ['northcentralus', 'southcentralus'],
  ['westus2', 'westcentralus'],
  ['norwayeast', 'norwaywest'],
  ['southafricanorth', 'southafricawest'],
  ['swedencentral', 'swedensouth'],
  ['switzerlandnorth', 'switzerlandwest'],
  ['uaenorth', 'uaecentral'],
  ['uksouth', 'ukwest'],
];

/** Whose second region is not paired with them in turn. */
const ONE_WAY: Readonly<Record<string, string>> = {
  brazilsouth: 'southcentralus',
  westindia: 'southindia',
  westus3: 'eastus',
};

/** undefined: it has none that clients know. */
export function pairedRegion(location: string): string | undefined {
  const own = normalLocation(location);
  for (const [one, other] of PAIRS) {
    if (own === one) return other;
    if (own === other) return one;
  }
  return ONE_WAY[own];
}
