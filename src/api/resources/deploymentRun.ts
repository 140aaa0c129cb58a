import type { InnerCaller, OuterContext } from '../../arm/innerCall.ts';
import type { ArmResult } from '../../arm/respond.ts';
import { type ArmResource, findArmResource, putArmResource } from '../../db/armResources.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError, type ErrorDetail, httpStatus, isCoded } from '../../lib/error.ts';
import { endOfOperation } from '../longOperation.ts';
import type { Services } from '../services.ts';
import type { TemplateResource } from './template.ts';

/** One resource of a deployment, and what came of it. */
export interface DeploymentStep {
  readonly operationId: string;
  readonly resource: { readonly id: string; readonly type: string; readonly name: string };
  readonly provisioningState: 'Running' | 'Succeeded' | 'Failed';
  readonly timestamp: string;
  readonly statusCode?: string;
  readonly error?: ErrorDetail & { readonly details?: readonly ErrorDetail[] };
}

export interface DeploymentRun {
  /** Id of the deployment. */
  readonly id: string;
  readonly outer: OuterContext;
  readonly resources: readonly TemplateResource[];
  /** When it was begun, ms. */
  readonly startedAt: number;
}

/**
 * Puts the resources one after the other, as the caller himself would. Errors: DeploymentFailed with what failed as
 * details; what was made before stays, as in Azure.
 */
export async function runDeployment(
  services: Services,
  caller: InnerCaller,
  run: DeploymentRun,
  signal: AbortSignal,
): Promise<void> {
  const outer = { ...run.outer, signal };
  const steps: DeploymentStep[] = [];
  try {
    for (const resource of run.resources) {
      signal.throwIfAborted();
      const step = newStep(services, resource);
      await note(services, run, { steps: [...steps, step] });
      steps.push(await carryOut(services, caller, outer, resource, step));
      const failed = steps.at(-1)?.error;
      if (failed) throw deploymentFailed([failed]);
    }
    await note(services, run, { steps, provisioningState: 'Succeeded' });
  } catch (error) {
    if (signal.aborted && !isCoded(signal.reason)) throw error;
    const told = signal.aborted ? signal.reason : error;
    const provisioningState = signal.aborted ? 'Canceled' : 'Failed';
    await note(services, run, { steps, provisioningState, ...(isCoded(told) ? { error: errorOf(told) } : {}) });
    throw told;
  }
}

/** Changes what is kept of a deployment. */
export async function note(
  { db, clock }: Services,
  { id, startedAt }: Pick<DeploymentRun, 'id' | 'startedAt'>,
  what: {
    readonly steps?: readonly DeploymentStep[];
    readonly provisioningState?: 'Succeeded' | 'Failed' | 'Canceled';
    readonly error?: object;
  },
): Promise<void> {
  const now = clock.now();
  await db.transaction(async (tx) => {
    const before: ArmResource | undefined = await findArmResource(tx, id);
    if (!before) return;
    const duration = `PT${((now - startedAt) / 1000).toFixed(3)}S`;
    const properties = { ...before.properties, ...what, timestamp: isoTime(now), duration };
    await putArmResource(tx, { ...before, properties, updatedAt: now });
  });
}

const deploymentFailed = (details: readonly ErrorDetail[]): CodedError =>
  new CodedError(
    'DeploymentFailed',
    'At least one resource deployment operation failed. Please list deployment operations for details.',
    { details },
  );

async function carryOut(
  services: Services,
  caller: InnerCaller,
  outer: OuterContext,
  { id, apiVersion, body }: TemplateResource,
  step: DeploymentStep,
): Promise<DeploymentStep> {
  try {
    const result = await caller.call(outer, { method: 'PUT', path: id, apiVersion, body });
    const operation = operationOf(result);
    if (operation !== undefined) await endOfOperation(services, operation);
    const statusCode = result.status === 201 ? 'Created' : 'OK';
    return { ...step, provisioningState: 'Succeeded', statusCode, timestamp: isoTime(services.clock.now()) };
  } catch (error) {
    if (!isCoded(error)) throw error;
    // the operation's own error says more than that it failed
    const inner = error.code === 'Conflict' && error.details.length === 1 ? error.details[0]! : errorOf(error);
    const statusCode = String(httpStatus(error.code));
    return {
      ...step,
      provisioningState: 'Failed',
      statusCode,
      error: { ...inner, target: id },
      timestamp: isoTime(services.clock.now()),
    };
  }
}

/** The operation that a client would be sent to poll. */
const operationOf = ({ headers }: ArmResult): string | undefined =>
  headers?.['azure-asyncoperation']?.split('?')[0]?.split('/').at(-1);

const newStep = ({ clock }: Services, { id, type, name }: TemplateResource): DeploymentStep => ({
  operationId: crypto.randomUUID().replaceAll('-', '').toUpperCase(),
  resource: { id, type, name },
  provisioningState: 'Running',
  timestamp: isoTime(clock.now()),
});

const errorOf = ({ code, message, details }: CodedError) => ({
  code,
  message,
  ...(details.length > 0 ? { details } : {}),
});
