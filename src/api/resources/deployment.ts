import { type ArmResource, findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { groupArmId } from '../../vault/armIds.ts';
import { type GroupParams, type GroupView, requireGroup } from '../lookups.ts';
import type { Services } from '../services.ts';
import type { DeploymentStep } from './deploymentRun.ts';

export const DEPLOYMENT_TYPE = 'Microsoft.Resources/deployments';
const TYPE = DEPLOYMENT_TYPE;

export interface DeploymentParams extends GroupParams {
  readonly deploymentName: string;
}

export function deploymentToWire({ work }: Services, { id, name, properties }: ArmResource) {
  const { steps: _steps, operation, ...rest } = properties;
  // what the server's end cut off
  const isCut = rest.provisioningState === 'Running' && operation !== undefined && !work.isRunning(String(operation));
  return { id, name, type: TYPE, properties: isCut ? { ...rest, provisioningState: 'Failed' } : rest };
}

export function stepToWire(
  { id }: ArmResource,
  { operationId, resource, error, provisioningState, timestamp, statusCode }: DeploymentStep,
) {
  const targetResource = { id: resource.id, resourceType: resource.type, resourceName: resource.name };
  return {
    id: `${id}/operations/${operationId}`,
    operationId,
    properties: {
      ...{
        provisioningOperation: 'Create',
        provisioningState,
        timestamp,
        duration: 'PT0S',
        statusCode,
        targetResource,
      },
      ...(error ? { statusMessage: { status: 'Failed', error } } : {}),
    },
  };
}

export const stepsOf = ({ properties }: ArmResource) => (properties.steps ?? []) as readonly DeploymentStep[];

export const deploymentId = ({ config }: Services, group: GroupView, name: string): string =>
  `${groupArmId(config.subscriptionId, group.name)}/providers/${TYPE}/${name}`;

export const isActive = ({ work }: Services, { properties }: ArmResource): boolean =>
  work.isRunning(String(properties.operation));

export const deploymentActive = ({ id, name }: ArmResource): CodedError =>
  new CodedError(
    'DeploymentActive',
    `Unable to edit or replace deployment '${name}': a deployment of that name is still running. Please wait for it to end.`,
    {
      target: id,
    },
  );

/** Errors: ResourceGroupNotFound, DeploymentNotFound. */
export async function requireDeployment(
  services: Services,
  params: DeploymentParams,
  signal: AbortSignal,
): Promise<ArmResource> {
  const group = await requireGroup(services, params, signal);
  const found = await findArmResource(services.db.queries, deploymentId(services, group, params.deploymentName));
  if (found) return found;
  throw new CodedError('DeploymentNotFound', `Deployment '${params.deploymentName}' could not be found.`, {
    target: params.deploymentName,
  });
}
