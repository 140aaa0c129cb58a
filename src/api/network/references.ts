import { resourceKey } from '../../arm/resourceId.ts';
import type { Action, ArmContext } from '../../arm/route.ts';
import { type ArmResource, findArmResource, listArmResources } from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { CodedError, type ErrorCode } from '../../lib/error.ts';

export interface Reference {
  readonly id: string;
}

/** The part of a network interface that names other resources. */
export interface IpConfiguration {
  readonly name: string;
  readonly properties: {
    readonly subnet?: Reference;
    readonly publicIPAddress?: Reference | null;
    readonly privateIPAddress?: string;
    readonly privateIPAllocationMethod?: string;
    readonly primary?: boolean;
  } & Readonly<Record<string, unknown>>;
}

export const ipConfigurationsOf = (card: ArmResource): readonly IpConfiguration[] =>
  (card.properties.ipConfigurations ?? []) as readonly IpConfiguration[];

export const sameId = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && resourceKey(a) === resourceKey(b);

/** The subnet of that id, with the network it is part of; undefined: there is none. */
export async function findSubnet(
  queries: Queries,
  id: string,
): Promise<{ readonly network: ArmResource; readonly subnet: Subnet } | undefined> {
  const [, networkId = ''] = /^(.*)\/subnets\/[^/]+\/?$/i.exec(id) ?? [];
  const network = await findArmResource(queries, networkId);
  const subnet = network && subnetsOf(network).find((one) => sameId(one.id, id));
  return network && subnet && { network, subnet };
}

export interface Subnet {
  readonly id: string;
  readonly name: string;
  readonly properties: { readonly addressPrefix?: string; readonly addressPrefixes?: readonly string[] } & Readonly<
    Record<string, unknown>
  >;
}

export const subnetsOf = (network: ArmResource): readonly Subnet[] =>
  (network.properties.subnets ?? []) as readonly Subnet[];

/** Network interfaces of the subscription that `uses` says yes to. */
export async function networkInterfacesWhere(
  queries: Queries,
  subscriptionId: string,
  uses: (card: ArmResource) => boolean,
): Promise<readonly ArmResource[]> {
  const cards = await listArmResources(queries, { subscriptionId, type: 'Microsoft.Network/networkInterfaces' });
  return cards.filter(uses);
}

/** What names another resource needs it to be there, and its caller to be allowed to use it. Errors: InvalidResourceReference, AuthorizationFailed. */
export async function demandReference(
  context: Pick<ArmContext, 'demand'>,
  reference: { readonly from: string; readonly to: string; readonly action: Action; readonly isThere: boolean },
): Promise<void> {
  await context.demand(reference.action, reference.to);
  if (reference.isThere) return;
  throw new CodedError(
    'InvalidResourceReference',
    `Resource ${reference.to} referenced by resource ${reference.from} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    { target: reference.to },
  );
}

export const inUse = (code: ErrorCode, what: string, id: string, by: readonly string[]): CodedError =>
  new CodedError(code, `${what} ${id} is in use by ${by.slice(0, 10).join(', ')} and cannot be deleted.`, {
    target: id,
    recommendations: ['Delete what uses it first, or take it out there.'],
  });
