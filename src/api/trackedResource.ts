import { type TSchema, Type } from 'typebox';
import { type ArmResult, noContent, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type Route, type RouteTable, route } from '../arm/route.ts';
import {
  type ArmResource,
  deleteArmResource,
  findArmResource,
  pageOfArmResources,
  putArmResource,
} from '../db/armResources.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError } from '../lib/error.ts';
import { mergeJson } from '../lib/mergeJson.ts';
import { TAGS } from './body/vault.ts';
import { requireSubscription, resourceNotFound } from './lookups.ts';
import { GROUP_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { groupOfPath, putTracked, trackedId } from './trackedPut.ts';
import type { CommonBody, TrackedType } from './trackedType.ts';

const PATCH = Type.Object({
  tags: Type.Optional(Type.Union([TAGS, Type.Null()])),
  properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** The usual routes of a resource that is kept as it was asked for: list, get, put, patch, delete. */
export function trackedResource<Body extends TSchema>(services: Services, spec: TrackedType<Body>): RouteTable {
  const [provider = '', type = ''] = spec.type.split('/');
  const collection = `${GROUP_PATH}/providers/${provider}/${type}`;
  const path = `${collection}/{name}`;
  return defineRoutes({
    type: spec.type,
    apiVersions: spec.apiVersions,
    ...(spec.nameRule === undefined ? {} : { names: { name: spec.nameRule } }),
    routes: [
      ...lists(services, spec, `/subscriptions/{subscriptionId}/providers/${provider}/${type}`, collection),
      ...single(services, spec, path),
      ...(spec.more?.(path) ?? []),
    ],
  });
}

/** As every ARM resource is shown. */
export const trackedToWire = (resource: ArmResource): Record<string, unknown> => ({
  id: resource.id,
  name: resource.name,
  type: resource.type,
  ...(resource.location === undefined ? {} : { location: resource.location }),
  tags: resource.tags,
  ...resource.other,
  properties: resource.properties,
});

/** Of the path's group; `queries`: those of a transaction, where the answer decides. Errors: ResourceNotFound. */
export async function requireTracked(
  services: Services,
  type: string,
  params: Readonly<Record<string, string>>,
  queries: Queries = services.db.queries,
): Promise<ArmResource> {
  const { subscriptionId = '', resourceGroupName = '', name = '' } = params;
  requireSubscription(services, subscriptionId);
  const found = await findArmResource(queries, trackedId(services, type, resourceGroupName, name));
  if (found) return found;
  throw resourceNotFound(type, name, resourceGroupName);
}

const actionOf = <Verb extends string>(spec: TrackedType<TSchema>, verb: Verb): `${string}/${Verb}` =>
  `${spec.actionType ?? spec.type}/${verb}`;

const show = (spec: TrackedType<TSchema>, resource: ArmResource): unknown =>
  spec.show ? spec.show(resource) : trackedToWire(resource);

const lists = (services: Services, spec: TrackedType<TSchema>, all: string, ofGroup: string): Route[] => {
  const page = async (context: ArmContext, resourceGroup?: string): Promise<ArmResult> => {
    const found = await pageOfArmResources(services.db.queries, {
      subscriptionId: services.config.subscriptionId,
      type: spec.type,
      ...(resourceGroup === undefined ? {} : { resourceGroup }),
      size: context.page.size,
      ...(context.page.cursor === undefined ? {} : { after: context.page.cursor }),
    });
    return context.list(
      found.values.map((resource) => show(spec, resource)),
      found.next,
    );
  };
  return [
    route({
      method: 'GET',
      path: all,
      action: actionOf(spec, 'read'),
      summary: `Lists the ${spec.many} of the subscription.`,
      async handler(context) {
        requireSubscription(services, context.params.subscriptionId ?? '');
        return page(context);
      },
    }),
    route({
      method: 'GET',
      path: ofGroup,
      action: actionOf(spec, 'read'),
      summary: `Lists the ${spec.many} of a resource group.`,
      handler: async (context) => page(context, (await groupOfPath(services, context)).name),
    }),
  ];
};

const single = (services: Services, spec: TrackedType<TSchema>, path: string): Route[] => [
  route({
    method: 'GET',
    path,
    action: actionOf(spec, 'read'),
    summary: `Gets ${spec.one}.`,
    query: Type.Object({ $expand: Type.Optional(Type.String()) }),
    handler: async ({ params }) => ok(show(spec, await requireTracked(services, spec.type, params))),
  }),
  route({
    method: 'PUT',
    path,
    action: actionOf(spec, 'write'),
    summary: `Makes ${spec.one}, or replaces it.`,
    answers: spec.createdStatus === 200 ? ['200'] : ['200', '201'],
    body: spec.body,
    async handler(context) {
      const { resource, isNew } = await putTracked(services, spec, context as ArmContext, context.body as CommonBody);
      return { status: isNew ? (spec.createdStatus ?? 201) : 200, body: show(spec, resource) };
    },
  }),
  route({
    method: 'PATCH',
    path,
    action: actionOf(spec, 'write'),
    summary: `Changes the tags${spec.patch ? ' or properties' : ''} of ${spec.one}.`,
    body: PATCH,
    async handler(context) {
      const before = await requireTracked(services, spec.type, context.params);
      const { tags, properties } = context.body;
      if (properties !== undefined && Object.keys(properties).length > 0 && !spec.patch) throw onlyTags(spec);
      const merged: CommonBody = {
        ...before.other,
        ...(before.location === undefined ? {} : { location: before.location }),
        tags: tags ?? before.tags,
        properties: mergeJson(before.properties, properties ?? {}),
      };
      if (spec.patch) return ok(show(spec, (await putTracked(services, spec, context as ArmContext, merged)).resource));
      const after = { ...before, tags: tags ?? before.tags, updatedAt: services.clock.now() };
      await putArmResource(services.db.queries, after);
      return ok(show(spec, after));
    },
  }),
  route({
    method: 'DELETE',
    path,
    action: actionOf(spec, 'delete'),
    summary: `Deletes ${spec.one}.`,
    async handler(context) {
      const { resourceGroupName = '', name = '' } = context.params;
      await groupOfPath(services, context);
      const found = await findArmResource(services.db.queries, trackedId(services, spec.type, resourceGroupName, name));
      if (!found) return noContent();
      await spec.beforeDelete?.(found, context as ArmContext);
      await deleteArmResource(services.db.queries, found.id);
      return { status: 200 };
    },
  }),
];

const onlyTags = (spec: TrackedType<TSchema>): CodedError =>
  new CodedError('PropertyChangeNotAllowed', `Of ${spec.one} only tags can be patched; use PUT for its properties.`, {
    target: 'properties',
  });
