import { Type } from 'typebox';
import { type InnerCaller, innerCaller } from '../../arm/innerCall.ts';
import { operationStatus } from '../../arm/operation.ts';
import { accepted, noContent, ok } from '../../arm/respond.ts';
import { type ArmContext, defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import {
  type ArmResource,
  deleteArmResource,
  findArmResource,
  pageOfArmResources,
  putArmResource,
} from '../../db/armResources.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError, type ErrorDetail, isCoded } from '../../lib/error.ts';
import { RESOURCE_VERSIONS } from '../apiVersions.ts';
import { beginOperation } from '../longOperation.ts';
import { type GroupParams, type GroupView, requireGroup, requireOpenGroup } from '../lookups.ts';
import { requireOperation, toRecord } from '../operationRecords.ts';
import { GROUP_PATH } from '../paths.ts';
import type { Services } from '../services.ts';
import {
  DEPLOYMENT_TYPE,
  type DeploymentParams,
  deploymentActive,
  deploymentId,
  deploymentToWire,
  isActive,
  requireDeployment,
  stepsOf,
  stepToWire,
} from './deployment.ts';
import { runDeployment } from './deploymentRun.ts';
import { type EvaluatedTemplate, evaluateTemplate } from './template.ts';

const TYPE = DEPLOYMENT_TYPE;
const DEPLOYMENTS = `${GROUP_PATH}/providers/Microsoft.Resources/deployments` as const;
const DEPLOYMENT = `${DEPLOYMENTS}/{deploymentName}` as const;

const OBJECT = Type.Record(Type.String(), Type.Unknown());
const BODY = Type.Object({
  location: Type.Optional(Type.Unknown()),
  tags: Type.Optional(Type.Unknown()),
  properties: Type.Object({
    mode: Type.String({
      pattern: '^[Ii]ncremental$',
      rule: "must be 'Incremental': nothing is deleted by a deployment",
    }),
    template: Type.Optional(OBJECT),
    parameters: Type.Optional(Type.Union([OBJECT, Type.Null()])),
    templateLink: Type.Optional(Type.Null({ rule: 'must be absent: templates are sent with the request' })),
    parametersLink: Type.Optional(Type.Null()),
    debugSetting: Type.Optional(Type.Unknown()),
    onErrorDeployment: Type.Optional(Type.Null()),
    expressionEvaluationOptions: Type.Optional(Type.Unknown()),
    validationLevel: Type.Optional(Type.Unknown()),
  }),
});

interface DeploymentBody {
  readonly properties: {
    readonly template?: Readonly<Record<string, unknown>>;
    readonly parameters?: Readonly<Record<string, unknown>> | null;
  };
}

/** Templates of a resource group; `tables` are all others, whose resources a template may name. */
export function deployments(services: Services, tables: readonly RouteTable[]): RouteTable {
  const caller = innerCaller(tables);
  return defineRoutes({
    type: TYPE,
    apiVersions: RESOURCE_VERSIONS,
    names: {
      deploymentName: { pattern: /^[-\w.()]{1,64}$/, rule: "1 to 64 letters, digits, '_', '-', '.' or parentheses" },
    },
    routes: [...reads(services), ...writes(services, caller), ...polling(services)],
  });
}

const reads = (services: Services): Route[] => [
  route({
    method: 'GET',
    path: DEPLOYMENTS,
    action: `${TYPE}/read`,
    summary: 'Lists the deployments of a resource group.',
    filter: { provisioningState: 'string' },
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const { subscriptionId } = services.config;
      const { size, cursor: after } = context.page;
      const where = { subscriptionId, type: TYPE, resourceGroup: group.name, size };
      const found = await pageOfArmResources(services.db.queries, {
        ...where,
        ...(after === undefined ? {} : { after }),
      });
      return context.list(
        found.values.map((one) => deploymentToWire(services, one)),
        found.next,
      );
    },
  }),
  route({
    method: 'GET',
    path: DEPLOYMENT,
    action: `${TYPE}/read`,
    summary: 'Gets a deployment.',
    handler: async ({ params, signal }) =>
      ok(deploymentToWire(services, await requireDeployment(services, params, signal))),
  }),
  route({
    method: 'HEAD',
    path: DEPLOYMENT,
    action: `${TYPE}/read`,
    summary: 'Tells whether there is a deployment of that name.',
    async handler({ params, signal }) {
      const group = await requireGroup(services, params, signal);
      const found = await findArmResource(services.db.queries, deploymentId(services, group, params.deploymentName));
      return found ? noContent() : { status: 404 };
    },
  }),
  ...[`${DEPLOYMENT}/operations` as const, `${GROUP_PATH}/deployments/{deploymentName}/operations` as const].map(
    (path) => operationsOf(services, path),
  ),
];

/** Clients ask without the provider in the path. */
const operationsOf = (services: Services, path: `${typeof GROUP_PATH}/${string}/{deploymentName}/operations`): Route =>
  route({
    method: 'GET',
    path,
    action: 'Microsoft.Resources/deployments/operations/read',
    summary: 'Lists what a deployment did with each resource.',
    async handler(context) {
      const params = context.params as unknown as DeploymentParams;
      const deployment = await requireDeployment(services, params, context.signal);
      return context.listFrom(
        stepsOf(deployment),
        ({ operationId }) => operationId,
        (step) => stepToWire(deployment, step),
      );
    },
  });

const writes = (services: Services, caller: InnerCaller): Route[] => [
  route({
    method: 'PUT',
    path: DEPLOYMENT,
    action: `${TYPE}/write`,
    summary: 'Makes the resources of a template, each as the caller himself would.',
    answers: ['200 + Azure-AsyncOperation', '201 + Azure-AsyncOperation'],
    body: BODY,
    relaxedBody: true,
    handler: (context) => put(services, caller, context as ArmContext, context.body as DeploymentBody),
  }),
  route({
    method: 'POST',
    path: `${DEPLOYMENT}/validate`,
    action: 'Microsoft.Resources/deployments/validate/action',
    summary: 'Checks a template without making anything.',
    body: BODY,
    relaxedBody: true,
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const evaluated = await check(services, caller, context as ArmContext, group, context.body as DeploymentBody);
      const { deploymentName } = context.params;
      const properties = { ...shown(services, evaluated, context.correlationId), provisioningState: 'Succeeded' };
      const validatedResources = evaluated.resources.map(({ id }) => ({ id }));
      const id = deploymentId(services, group, deploymentName);
      return ok({ id, name: deploymentName, type: TYPE, properties: { ...properties, validatedResources } });
    },
  }),
  route({
    method: 'POST',
    path: `${DEPLOYMENT}/cancel`,
    action: 'Microsoft.Resources/deployments/cancel/action',
    summary: 'Stops a deployment after the resource that is being made; what is there stays.',
    answers: ['204'],
    async handler({ params, signal }) {
      const deployment = await requireDeployment(services, params, signal);
      const reason = new CodedError('JobCancelled', 'The deployment was cancelled by its caller.');
      if (services.work.cancel(String(deployment.properties.operation), reason)) return noContent();
      throw new CodedError('Conflict', `The deployment '${deployment.name}' has ended and cannot be cancelled.`, {
        target: deployment.id,
      });
    },
  }),
  route({
    method: 'DELETE',
    path: DEPLOYMENT,
    action: `${TYPE}/delete`,
    summary: 'Forgets a deployment; its resources stay.',
    answers: ['204'],
    async handler({ params, signal }) {
      const group = await requireGroup(services, params, signal);
      const id = deploymentId(services, group, params.deploymentName);
      const found = await findArmResource(services.db.queries, id);
      if (found && isActive(services, found)) throw deploymentActive(found);
      await deleteArmResource(services.db.queries, id);
      return noContent();
    },
  }),
];

const polling = (services: Services): Route[] => [
  route({
    method: 'GET',
    path: `${DEPLOYMENT}/operationStatuses/{operationId}`,
    action: `${TYPE}/read`,
    summary: 'Gets the status of a deployment under way.',
    async handler(context) {
      const group = await requireGroup(services, context.params, context.signal);
      const id = deploymentId(services, group, context.params.deploymentName);
      const operation = toRecord(await requireOperation(services.db.queries, id, context.params.operationId));
      const error = (await findArmResource(services.db.queries, id))?.properties.error;
      const told = operation.status === 'Failed' && error ? { ...operation, error: error as ErrorDetail } : operation;
      return operationStatus(context, told);
    },
  }),
];

async function put(services: Services, caller: InnerCaller, context: ArmContext, body: DeploymentBody) {
  const { deploymentName = '', ...params } = context.params;
  const group = await requireOpenGroup(services, params as unknown as GroupParams, context.signal);
  const id = deploymentId(services, group, deploymentName);
  const before = await findArmResource(services.db.queries, id);
  if (before && isActive(services, before)) throw deploymentActive(before);
  const evaluated = await check(services, caller, context, group, body);
  const { subscriptionId } = services.config;
  const startedAt = services.clock.now();
  const resource: ArmResource = {
    ...{ id, type: TYPE, subscriptionId, resourceGroup: group.name, name: deploymentName, tags: {}, other: {} },
    properties: { ...shown(services, evaluated, context.correlationId), provisioningState: 'Running', steps: [] },
    ...{ createdAt: startedAt, updatedAt: startedAt },
  };
  await putArmResource(services.db.queries, resource);
  const run = { id, outer: context, resources: evaluated.resources, startedAt };
  const operation = await beginOperation(services, id, async (signal) => {
    await runDeployment(services, caller, run, signal);
  });
  await services.db.transaction(async (tx) => {
    const now = (await findArmResource(tx, id)) ?? resource;
    await putArmResource(tx, { ...now, properties: { ...now.properties, operation } });
  });
  const answer = accepted(context, {
    statusPath: `${id}/operationStatuses/${operation}`,
    body: deploymentToWire(services, resource),
  });
  return { ...answer, status: before ? 200 : 201 };
}

/** Errors: InvalidTemplate; InvalidTemplateDeployment with what each resource would be refused for. */
async function check(
  services: Services,
  caller: InnerCaller,
  context: ArmContext,
  group: GroupView,
  { properties }: DeploymentBody,
): Promise<EvaluatedTemplate> {
  if (!properties.template)
    throw new CodedError('InvalidTemplate', "'properties.template' is required: templates are sent with the request.", {
      target: 'properties.template',
    });
  const { subscriptionId, tenantId } = services.config;
  const where = { subscriptionId, tenantId, resourceGroup: { name: group.name, location: group.location } };
  const evaluated = evaluateTemplate(properties.template, properties.parameters ?? {}, where);
  const details: ErrorDetail[] = [];
  for (const { id, apiVersion, body } of evaluated.resources) {
    try {
      await caller.check(context, { method: 'PUT', path: id, apiVersion, body });
    } catch (error) {
      if (!isCoded(error)) throw error;
      details.push({ code: error.code, message: error.message, target: id });
    }
  }
  if (details.length === 0) return evaluated;
  throw new CodedError(
    'InvalidTemplateDeployment',
    `The template deployment '${context.params.deploymentName ?? ''}' is not valid: ${details[0]?.message ?? ''}`,
    { details },
  );
}

const shown = ({ clock }: Services, { parameters, outputs, resources }: EvaluatedTemplate, correlationId: string) => ({
  ...{ mode: 'Incremental', parameters, outputs, correlationId, timestamp: isoTime(clock.now()), duration: 'PT0S' },
  providers: [...new Set(resources.map(({ type }) => type.split('/')[0]))].map((namespace) => ({
    namespace,
    resourceTypes: resources
      .filter(({ type }) => type.startsWith(`${namespace}/`))
      .map(({ type }) => ({ resourceType: type.split('/').slice(1).join('/'), locations: [] })),
  })),
  dependencies: [],
  outputResources: resources.map(({ id }) => ({ id })),
});
