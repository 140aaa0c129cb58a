import { type Static, Type } from 'typebox';
import { noContent, ok } from '../../arm/respond.ts';
import { type ArmContext, type Route, type RouteTable, route } from '../../arm/route.ts';
import { type ArmResource, findArmResource, putArmResource } from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { CodedError } from '../../lib/error.ts';
import { NETWORK_VERSIONS } from '../apiVersions.ts';
import { sameName } from '../ids.ts';
import { resourceNotFound } from '../lookups.ts';
import type { Services } from '../services.ts';
import { requireTracked, trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';
import { requireIpv4Prefix } from './addresses.ts';
import { inUse, ipConfigurationsOf, networkInterfacesWhere, type Subnet, subnetsOf } from './references.ts';

const TYPE = 'Microsoft.Network/virtualNetworks';
const SUBNETS = `${TYPE}/subnets`;
const ANY = Type.Unknown();
const PREFIXES = Type.Array(Type.String(), { maxItems: 64 });

const SUBNET = Type.Object({
  name: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 80 }), Type.Null()])),
  properties: Type.Optional(
    Type.Intersect([
      Type.Object({
        addressPrefix: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        addressPrefixes: Type.Optional(Type.Union([PREFIXES, Type.Null()])),
      }),
      Type.Record(Type.String(), ANY),
    ]),
  ),
});
const BODY = trackedBody({
  extendedLocation: Type.Optional(Type.Null()),
  properties: Type.Optional(
    Type.Intersect([
      Type.Object({
        addressSpace: Type.Optional(Type.Object({ addressPrefixes: Type.Optional(PREFIXES) })),
        subnets: Type.Optional(Type.Union([Type.Array(SUBNET, { maxItems: 1000 }), Type.Null()])),
      }),
      Type.Record(Type.String(), ANY),
    ]),
  ),
});

/** Named networks: what a machine's network card is plugged into. */
export const virtualNetworks = (services: Services): RouteTable =>
  trackedResource(services, {
    type: TYPE,
    one: 'a virtual network',
    many: 'virtual networks',
    apiVersions: NETWORK_VERSIONS,
    body: BODY,
    async complete({ id, body, before }, tx) {
      const { subnets, addressSpace, ...rest } = body.properties ?? {};
      const prefixes = addressSpace?.addressPrefixes ?? ['10.0.0.0/16'];
      for (const prefix of prefixes) requireIpv4Prefix(prefix, 'properties.addressSpace.addressPrefixes');
      const after = (subnets ?? []).map((subnet) => completeSubnet(id, subnet));
      const gone = before ? subnetsOf(before).filter((old) => !after.some((one) => sameName(one.name, old.name))) : [];
      for (const subnet of gone) await requireUnused(services, tx, subnet.id);
      return { properties: { ...rest, ...standing, addressSpace: { addressPrefixes: prefixes }, subnets: after } };
    },
    async beforeDelete(network) {
      for (const subnet of subnetsOf(network)) await requireUnused(services, services.db.queries, subnet.id);
    },
    more: (path) => subnetRoutes(services, path),
  });

const standing = { provisioningState: 'Succeeded', enableDdosProtection: false, enableVmProtection: false };

function completeSubnet(network: string, subnet: Static<typeof SUBNET>): Subnet {
  const name = subnet.name ?? 'default';
  const { addressPrefix, addressPrefixes, ...rest } = subnet.properties ?? {};
  const all = addressPrefixes ?? (addressPrefix == null ? [] : [addressPrefix]);
  if (all.length === 0)
    throw new CodedError('InvalidRequestFormat', `The subnet '${name}' needs properties.addressPrefix.`, {
      target: 'properties.addressPrefix',
    });
  for (const prefix of all) requireIpv4Prefix(prefix, 'properties.addressPrefix');
  const shown = addressPrefixes ? { addressPrefixes, addressPrefix: all[0]! } : { addressPrefix: all[0]! };
  const properties = { privateEndpointNetworkPolicies: 'Disabled', ...rest, ...shown, provisioningState: 'Succeeded' };
  return { id: `${network}/subnets/${name}`, name, properties: { ...properties, delegations: [] } };
}

const subnetRoutes = (services: Services, path: string): Route[] => [
  route({
    method: 'GET',
    path: `${path}/subnets`,
    action: `${SUBNETS}/read`,
    summary: 'Lists the subnets of a virtual network.',
    async handler(context) {
      const network = await requireTracked(services, TYPE, context.params);
      return context.listFrom(subnetsOf(network), ({ name }) => name, subnetToWire);
    },
  }),
  route({
    method: 'GET',
    path: `${path}/subnets/{subnetName}`,
    action: `${SUBNETS}/read`,
    summary: 'Gets a subnet.',
    async handler({ params }) {
      const network = await requireTracked(services, TYPE, params);
      const found = subnetsOf(network).find(({ name }) => sameName(name, params.subnetName ?? ''));
      if (found) return ok(subnetToWire(found));
      throw resourceNotFound(SUBNETS, `${network.name}/${params.subnetName}`, network.resourceGroup);
    },
  }),
  route({
    method: 'PUT',
    path: `${path}/subnets/{subnetName}`,
    action: `${SUBNETS}/write`,
    summary: 'Makes a subnet, or replaces it.',
    answers: ['200', '201'],
    body: SUBNET,
    async handler({ params, body }) {
      const { subnet, isNew } = await services.db.transaction(async (tx) => {
        const network = await requireTracked(services, TYPE, params, tx);
        const made = completeSubnet(network.id, { ...body, name: params.subnetName ?? '' });
        const others = subnetsOf(network).filter(({ name }) => !sameName(name, made.name));
        await putArmResource(tx, withSubnets(services, network, [...others, made]));
        return { subnet: made, isNew: others.length === subnetsOf(network).length };
      });
      return { status: isNew ? 201 : 200, body: subnetToWire(subnet) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${path}/subnets/{subnetName}`,
    action: `${SUBNETS}/delete`,
    summary: 'Deletes a subnet that no network interface is in.',
    handler: (context) => deleteSubnet(services, context),
  }),
];

const deleteSubnet = (services: Services, { params }: Pick<ArmContext, 'params'>) =>
  services.db.transaction(async (tx) => {
    const network = await requireTracked(services, TYPE, params, tx);
    const found = subnetsOf(network).find(({ name }) => sameName(name, params.subnetName ?? ''));
    if (!found) return noContent();
    await requireUnused(services, tx, found.id);
    const current = (await findArmResource(tx, network.id)) ?? network;
    await putArmResource(
      tx,
      withSubnets(
        services,
        current,
        subnetsOf(current).filter(({ id }) => id !== found.id),
      ),
    );
    return { status: 200 };
  });

const withSubnets = ({ clock }: Services, network: ArmResource, subnets: readonly Subnet[]): ArmResource => ({
  ...network,
  properties: { ...network.properties, subnets },
  updatedAt: clock.now(),
});

/** Errors: InUseSubnetCannotBeDeleted. */
async function requireUnused({ config }: Services, queries: Queries, subnetId: string): Promise<void> {
  const users = await networkInterfacesWhere(queries, config.subscriptionId, (card) =>
    ipConfigurationsOf(card).some(({ properties }) => sameName(properties.subnet?.id ?? '', subnetId)),
  );
  if (users.length > 0)
    throw inUse(
      'InUseSubnetCannotBeDeleted',
      'Subnet',
      subnetId,
      users.map(({ id }) => id),
    );
}

const subnetToWire = (subnet: Subnet) => ({ ...subnet, type: SUBNETS });
