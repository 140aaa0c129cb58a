import type { FastifyRequest } from 'fastify';
import { httpStatus, isCoded } from '../../lib/error.ts';
import type { AuditTrail, RequestEvent } from '../auditTrail.ts';
import type { ArmResult } from '../respond.ts';
import type { Route } from '../route.ts';
import type { Admission, Known } from './admit.ts';
import { correlationIdOf } from './correlation.ts';

/** A request without how it ended. */
type About = Omit<RequestEvent, 'status' | 'httpStatus' | 'errorCode'>;

/** Codes with which somebody is turned away, whatever he asked for. */
const TURNED_AWAY = [401, 403];

/** As `auditedWork`, of a request as it came. */
export const audited = (
  audit: AuditTrail | undefined,
  request: FastifyRequest,
  route: Route,
  admission: Admission,
  work: () => Promise<ArmResult>,
): Promise<ArmResult> => auditedWork(audit, aboutOf(request, route, admission), work);

/**
 * Carries a request out between two entries of the audit trail; a reading leaves none unless it is denied.
 * What cannot be entered is not carried out.
 */
export async function auditedWork(
  audit: AuditTrail | undefined,
  about: About,
  work: () => Promise<ArmResult>,
): Promise<ArmResult> {
  if (audit === undefined) return work();
  const reads = about.method === 'GET' || about.method === 'HEAD';
  if (!reads) await audit.begin({ ...about, status: 'Started' });
  try {
    const result = await work();
    const isUnderWay = result.status === 202 || result.headers?.['azure-asyncoperation'] !== undefined;
    const status = isUnderWay ? 'Accepted' : 'Succeeded';
    if (!reads) await audit.end({ ...about, status, httpStatus: result.status });
    return result;
  } catch (error) {
    const failed = { ...about, ...failureOf(error) };
    if (!reads) await audit.end(failed);
    else if (TURNED_AWAY.includes(failed.httpStatus)) await audit.refused(failed);
    throw error;
  }
}

/** Enters who was not let in: without a token, without the role, or before a lock. */
export async function auditRefusal(
  audit: AuditTrail | undefined,
  request: FastifyRequest,
  route: Route,
  known: Known,
  error: unknown,
): Promise<void> {
  const failure = failureOf(error);
  if (audit === undefined) return;
  if (!TURNED_AWAY.includes(failure.httpStatus) && failure.errorCode !== 'ScopeLocked') return;
  await audit.refused({ ...aboutOf(request, route, known), ...failure });
}

const aboutOf = (request: FastifyRequest, route: Route, { principal, path }: Known): About => ({
  correlationId: correlationIdOf(request),
  ...(principal && { principal }),
  action: route.action,
  path: path ?? request.url.split('?', 1)[0]?.slice(0, 1024) ?? '',
  method: route.method,
  address: request.ip,
});

const failureOf = (error: unknown): { status: 'Failed'; httpStatus: number; errorCode: string } => {
  const errorCode = isCoded(error) ? error.code : 'InternalServerError';
  return { status: 'Failed', httpStatus: httpStatus(errorCode), errorCode };
};
