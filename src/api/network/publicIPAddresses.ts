import { Type } from 'typebox';
import type { RouteTable } from '../../arm/route.ts';
import type { ArmResource } from '../../db/armResources.ts';
import { NETWORK_VERSIONS } from '../apiVersions.ts';
import type { Services } from '../services.ts';
import { trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';
import { inUse, ipConfigurationsOf, networkInterfacesWhere, sameId } from './references.ts';

const TYPE = 'Microsoft.Network/publicIPAddresses';
const BODY = trackedBody({
  sku: Type.Optional(
    Type.Union([Type.Object({ name: Type.Optional(Type.String()), tier: Type.Optional(Type.String()) }), Type.Null()]),
  ),
  zones: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** Kept so that templates which name one run; no address is ever given out, and `ipAddress` stays absent. */
export const publicIPAddresses = (services: Services): RouteTable =>
  trackedResource(services, {
    type: TYPE,
    one: 'a public IP address',
    many: 'public IP addresses',
    apiVersions: NETWORK_VERSIONS,
    body: BODY,
    complete: ({ body }) => ({
      properties: {
        publicIPAllocationMethod: 'Dynamic',
        publicIPAddressVersion: 'IPv4',
        idleTimeoutInMinutes: 4,
        ...withoutNull(body.properties ?? {}),
        provisioningState: 'Succeeded',
      },
      other: { sku: { name: body.sku?.name ?? 'Basic', tier: body.sku?.tier ?? 'Regional' } },
    }),
    async beforeDelete(address) {
      const users = await usersOf(services, address);
      if (users.length > 0) throw inUse('PublicIPAddressCannotBeDeleted', 'Public IP address', address.id, users);
    },
  });

async function usersOf({ db, config }: Services, address: ArmResource): Promise<string[]> {
  const uses = (card: ArmResource) =>
    ipConfigurationsOf(card).some(({ properties }) => sameId(properties.publicIPAddress?.id, address.id));
  return (await networkInterfacesWhere(db.queries, config.subscriptionId, uses)).map(({ id }) => id);
}

const withoutNull = (properties: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties).filter(([name, value]) => value !== null && name !== 'ipAddress'));
