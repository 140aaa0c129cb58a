import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { resourceKey } from '../../arm/resourceId.ts';
import type { ArmContext, RouteTable } from '../../arm/route.ts';
import { type ArmResource, findArmResource } from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { CodedError } from '../../lib/error.ts';
import { NETWORK_VERSIONS } from '../apiVersions.ts';
import type { Services } from '../services.ts';
import { trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';
import { contains, freeAddress, requireIpv4Prefix } from './addresses.ts';
import {
  demandReference,
  findSubnet,
  type IpConfiguration,
  inUse,
  ipConfigurationsOf,
  networkInterfacesWhere,
  sameId,
} from './references.ts';

const TYPE = 'Microsoft.Network/networkInterfaces';
const REFERENCE = Type.Intersect([Type.Object({ id: Type.String({ maxLength: 1024 }) }), Type.Unknown()]);
const MAYBE_REFERENCE = Type.Optional(Type.Union([REFERENCE, Type.Null()]));

const IP_CONFIGURATION = Type.Object({
  name: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 80 }), Type.Null()])),
  properties: Type.Object({
    subnet: REFERENCE,
    publicIPAddress: MAYBE_REFERENCE,
    privateIPAddress: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    privateIPAllocationMethod: Type.Optional(Type.Union([Type.Enum(['Dynamic', 'Static']), Type.Null()])),
    primary: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  }),
});
const BODY = trackedBody({
  extendedLocation: Type.Optional(Type.Null()),
  properties: Type.Object({
    ipConfigurations: Type.Array(IP_CONFIGURATION, { minItems: 1, maxItems: 16 }),
    networkSecurityGroup: MAYBE_REFERENCE,
    enableAcceleratedNetworking: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
    enableIPForwarding: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  }),
});
type Body = Static<typeof BODY>;

/** A machine's network card. */
export const networkInterfaces = (services: Services): RouteTable =>
  trackedResource(services, {
    type: TYPE,
    one: 'a network interface',
    many: 'network interfaces',
    apiVersions: NETWORK_VERSIONS,
    body: BODY,
    beforePut: ({ id, body, context }) => demandAll(services, id, body, context),
    async complete({ id, body, before }, tx) {
      const { networkSecurityGroup, ipConfigurations, ...rest } = body.properties;
      const made: IpConfiguration[] = [];
      for (const [at, asked] of ipConfigurations.entries())
        made.push(await completeConfiguration(services, tx, { id, at, asked, before }));
      return {
        properties: {
          ...{ enableAcceleratedNetworking: false, enableIPForwarding: false, primary: true },
          ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
          ...(networkSecurityGroup ? { networkSecurityGroup: { id: networkSecurityGroup.id } } : {}),
          ...(before?.properties.virtualMachine ? { virtualMachine: before.properties.virtualMachine } : {}),
          ...{ ipConfigurations: made, macAddress: macAddressOf(id), dnsSettings: { dnsServers: [] } },
          provisioningState: 'Succeeded',
        },
      };
    },
    beforeDelete(card) {
      const user = card.properties.virtualMachine as { id: string } | undefined;
      if (user) throw inUse('NicInUse', 'Network interface', card.id, [user.id]);
    },
  });

/** The card's own address: the same for the same card, in the range that nobody's hardware has. */
function macAddressOf(id: string): string {
  const bytes = createHash('sha256').update(resourceKey(id)).digest();
  return ['52', '54', '00', ...[0, 1, 2].map((at) => bytes[at]!.toString(16).padStart(2, '0'))].join('-').toUpperCase();
}

async function demandAll({ db }: Services, from: string, body: Body, context: ArmContext): Promise<void> {
  const { networkSecurityGroup, ipConfigurations } = body.properties;
  for (const { properties } of ipConfigurations) {
    const to = properties.subnet.id;
    const isThere = (await findSubnet(db.queries, to)) !== undefined;
    await demandReference(context, {
      from,
      to,
      action: 'Microsoft.Network/virtualNetworks/subnets/join/action',
      isThere,
    });
    if (properties.publicIPAddress) await demandThere(db.queries, context, from, properties.publicIPAddress.id);
  }
  if (networkSecurityGroup) await demandThere(db.queries, context, from, networkSecurityGroup.id);
}

async function demandThere(queries: Queries, context: ArmContext, from: string, to: string): Promise<void> {
  const type = /\/publicIPAddresses\//i.test(to) ? 'publicIPAddresses' : 'networkSecurityGroups';
  const found = await findArmResource(queries, to);
  const isThere = resourceKey(found?.type ?? '') === resourceKey(`Microsoft.Network/${type}`);
  await demandReference(context, { from, to, action: `Microsoft.Network/${type}/join/action`, isThere });
}

interface Asked {
  readonly id: string;
  readonly at: number;
  readonly asked: Static<typeof IP_CONFIGURATION>;
  readonly before: ArmResource | undefined;
}

async function completeConfiguration(services: Services, tx: Queries, { id, at, asked, before }: Asked) {
  const { subnet, publicIPAddress, privateIPAddress, primary } = asked.properties;
  const name = asked.name ?? `ipconfig${at + 1}`;
  const old = before && ipConfigurationsOf(before).find((one) => one.name === name);
  const kept = sameId(old?.properties.subnet?.id, subnet.id) ? old?.properties.privateIPAddress : undefined;
  const method = asked.properties.privateIPAllocationMethod ?? 'Dynamic';
  const wanted = method === 'Static' ? (privateIPAddress ?? undefined) : kept;
  return {
    id: `${id}/ipConfigurations/${name}`,
    name,
    type: `${TYPE}/ipConfigurations`,
    properties: {
      ...{ provisioningState: 'Succeeded', privateIPAddressVersion: 'IPv4', primary: primary ?? at === 0 },
      ...{ privateIPAllocationMethod: method, subnet: { id: subnet.id } },
      privateIPAddress: await addressIn(services, tx, subnet.id, wanted, id),
      ...(publicIPAddress ? { publicIPAddress: { id: publicIPAddress.id } } : {}),
    },
  };
}

/** Errors: PrivateIPAddressInUse, PrivateIPAddressNotInSubnet, SubnetIsFull. */
async function addressIn(
  { config }: Services,
  tx: Queries,
  subnetId: string,
  wanted: string | undefined,
  cardId: string,
): Promise<string> {
  const found = await findSubnet(tx, subnetId);
  const prefix = found?.subnet.properties.addressPrefix ?? '';
  const range = requireIpv4Prefix(prefix, 'addressPrefix');
  const inSubnet = await networkInterfacesWhere(tx, config.subscriptionId, (card) => !sameId(card.id, cardId));
  const taken = new Set(
    inSubnet
      .flatMap(ipConfigurationsOf)
      .filter(({ properties }) => sameId(properties.subnet?.id, subnetId))
      .map(({ properties }) => properties.privateIPAddress ?? ''),
  );
  const address = wanted ?? freeAddress(range, taken);
  const fail = (code: 'PrivateIPAddressInUse' | 'PrivateIPAddressNotInSubnet' | 'SubnetIsFull', why: string) =>
    new CodedError(code, why, { target: 'properties.ipConfigurations.privateIPAddress' });
  if (address === undefined) throw fail('SubnetIsFull', `Subnet ${subnetId} with address prefix ${prefix} is full.`);
  if (!contains(range, address))
    throw fail(
      'PrivateIPAddressNotInSubnet',
      `Private IP address ${address} is no address of subnet ${subnetId} that a machine may have: ${prefix} without the first four and the last.`,
    );
  if (taken.has(address)) throw fail('PrivateIPAddressInUse', `Private IP address ${address} is in use.`);
  return address;
}
