import type { TSchema } from 'typebox';
import type { ArmContext } from '../arm/route.ts';
import { type ArmResource, findArmResource, putArmResource } from '../db/armResources.ts';
import { CodedError } from '../lib/error.ts';
import { resourceArmId } from '../vault/armIds.ts';
import { sameName } from './ids.ts';
import { checkLocation, normalLocation } from './locations.ts';
import { type GroupView, requireGroup, requireOpen } from './lookups.ts';
import type { Services } from './services.ts';
import type { CommonBody, TrackedPut, TrackedType } from './trackedType.ts';

/** Stores a resource of the type as `body` asks. Errors: those of the region, of the type's rules; InvalidResourceLocation. */
export async function putTracked(
  services: Services,
  spec: TrackedType<TSchema>,
  context: ArmContext,
  body: CommonBody,
): Promise<{ resource: ArmResource; isNew: boolean }> {
  const group = await groupOfPath(services, context);
  requireOpen(services, group);
  const name = context.params.name ?? '';
  const location = await locationOf(services, spec, body.location, context.signal);
  const known = await findArmResource(services.db.queries, trackedId(services, spec.type, group.name, name));
  const request = (before: ArmResource | undefined): TrackedPut<unknown> => {
    if (before) requireSameLocation(before, location);
    const id = before?.id ?? trackedId(services, spec.type, group.name, name);
    return { id, name: before?.name ?? name, group, location, body, before, context };
  };
  await spec.beforePut?.(request(known));
  const done = await services.db.transaction(async (tx) => {
    const before = await findArmResource(tx, trackedId(services, spec.type, group.name, name));
    const asked = request(before);
    const { properties, other = {}, secret } = await spec.complete(asked, tx);
    const now = services.clock.now();
    const resource: ArmResource = {
      ...{ id: asked.id, type: spec.type, subscriptionId: services.config.subscriptionId },
      ...{ resourceGroup: group.name, name: asked.name },
      ...(location === undefined ? {} : { location }),
      ...{ tags: body.tags ?? {}, properties, other },
      ...(secret === undefined ? {} : { secret }),
      ...{ createdAt: before?.createdAt ?? now, updatedAt: now },
    };
    await putArmResource(tx, resource);
    return { resource, isNew: before === undefined };
  });
  await spec.afterPut?.(done.resource);
  return done;
}

/** Errors: LocationRequired, LocationNotAvailableForResourceType. */
async function locationOf(
  services: Services,
  spec: TrackedType<TSchema>,
  given: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (spec.location === 'none') return undefined;
  if (spec.location === 'global') return 'global';
  return checkLocation(services, given, spec.type, signal);
}

function requireSameLocation(before: ArmResource, location: string | undefined): void {
  if (sameName(normalLocation(before.location ?? ''), normalLocation(location ?? ''))) return;
  throw new CodedError(
    'InvalidResourceLocation',
    `The resource '${before.name}' already exists in location '${before.location}' in resource group '${before.resourceGroup}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
    { target: 'location' },
  );
}

/** Errors: SubscriptionNotFound, ResourceGroupNotFound. */
export const groupOfPath = (
  services: Services,
  { params, signal }: Pick<ArmContext, 'params' | 'signal'>,
): Promise<GroupView> => {
  const { subscriptionId = '', resourceGroupName = '' } = params;
  return requireGroup(services, { subscriptionId, resourceGroupName }, signal);
};

export const trackedId = ({ config }: Services, type: string, resourceGroup: string, name: string): string =>
  resourceArmId(config.subscriptionId, resourceGroup, type, name);
