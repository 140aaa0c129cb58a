import { Type } from 'typebox';
import type { RouteTable } from '../../arm/route.ts';
import { NETWORK_VERSIONS } from '../apiVersions.ts';
import type { Services } from '../services.ts';
import { trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';
import { inUse, networkInterfacesWhere, type Reference, sameId } from './references.ts';

const TYPE = 'Microsoft.Network/networkSecurityGroups';
const RULE = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 80 }),
  properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
const BODY = trackedBody({
  properties: Type.Optional(
    Type.Intersect([
      Type.Object({ securityRules: Type.Optional(Type.Union([Type.Array(RULE, { maxItems: 1000 }), Type.Null()])) }),
      Type.Record(Type.String(), Type.Unknown()),
    ]),
  ),
});

/** Rules for network cards: kept, and not enforced by the hosts. */
export const networkSecurityGroups = (services: Services): RouteTable =>
  trackedResource(services, {
    type: TYPE,
    one: 'a network security group',
    many: 'network security groups',
    apiVersions: NETWORK_VERSIONS,
    body: BODY,
    complete: ({ id, body }) => ({
      properties: {
        provisioningState: 'Succeeded',
        securityRules: (body.properties?.securityRules ?? []).map(({ name, properties }) => ({
          id: `${id}/securityRules/${name}`,
          name,
          type: `${TYPE}/securityRules`,
          properties: { ...properties, provisioningState: 'Succeeded' },
        })),
        defaultSecurityRules: [],
      },
    }),
    async beforeDelete(group) {
      const users = await networkInterfacesWhere(services.db.queries, services.config.subscriptionId, (card) =>
        sameId((card.properties.networkSecurityGroup as Reference | undefined)?.id, group.id),
      );
      if (users.length > 0)
        throw inUse(
          'InUseNetworkSecurityGroupCannotBeDeleted',
          'Network security group',
          group.id,
          users.map(({ id }) => id),
        );
    },
  });
