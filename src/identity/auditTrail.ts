import type { AuditTrail, RequestEvent } from '../arm/auditTrail.ts';
import { type AuditEvent, appendAudits } from '../db/audit.ts';
import type { Database } from '../db/database.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import { EventBudget } from './eventBudget.ts';
import type { SignInEvent } from './signInEvent.ts';

export interface Trail extends AuditTrail {
  /** Told of every attempt to get a token. A success that cannot be entered gives none. Errors: ServiceUnavailable. */
  signIn(event: SignInEvent): Promise<void>;
}

/** Refusals that are entered for one caller or address in a minute; those beyond are counted. */
const REFUSALS_A_MINUTE = 60;
const AT_ONCE = 256;

/**
 * Enters what the server tells it into the database's chain. Entries that come while one is being written wait and
 * are then written together: the disk is waited for once.
 */
export function auditTrail(parts: { db: Database; clock: Clock; log: Logger }): Trail {
  const { clock, log } = parts;
  const write = writer(parts.db);
  const budget = new EventBudget(clock, REFUSALS_A_MINUTE);
  const mustWrite = async (event: AuditEvent): Promise<void> => {
    try {
      await write(event);
    } catch (error) {
      const message = 'The audit log cannot be written, so nothing is done that it would have to tell.';
      throw new CodedError('ServiceUnavailable', message, { cause: error });
    }
  };
  const tryWrite = async (event: AuditEvent): Promise<void> => {
    try {
      await write(event);
    } catch (error) {
      log.error({ err: error, event }, 'an audit event could not be written');
    }
  };
  const tryRefusal = async (key: string, event: AuditEvent): Promise<void> => {
    const left = budget.spend(key);
    if (left === undefined) return;
    const properties = left === 0 ? event.properties : { ...event.properties, unrecordedRefusals: String(left) };
    await tryWrite({ ...event, properties });
  };
  return {
    begin: (event) => mustWrite(ofRequest(event, clock.now())),
    end: (event) => tryWrite(ofRequest(event, clock.now())),
    refused: (event) => tryRefusal(event.principal?.objectId ?? event.address, ofRequest(event, clock.now())),
    signIn: (event) => {
      const entry = ofSignIn(event, clock.now());
      return event.isSuccess ? mustWrite(entry) : tryRefusal(event.address, entry);
    },
  };
}

function writer(db: Database): (event: AuditEvent) => Promise<void> {
  let waiting: { readonly event: AuditEvent; readonly done: PromiseWithResolvers<void> }[] = [];
  let isWriting = false;
  const writeAll = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      const now = waiting.slice(0, AT_ONCE);
      waiting = waiting.slice(AT_ONCE);
      try {
        await db.transaction((tx) =>
          appendAudits(
            tx,
            now.map(({ event }) => event),
          ),
        );
        for (const { done } of now) done.resolve();
      } catch (error) {
        for (const { done } of now) done.reject(error);
      }
    }
    isWriting = false;
  };
  return (event) => {
    const done = Promise.withResolvers<void>();
    waiting.push({ event, done });
    if (!isWriting) void writeAll();
    return done.promise;
  };
}

const ofRequest = (event: RequestEvent, at: number): AuditEvent => ({
  at,
  correlationId: event.correlationId,
  caller: event.principal?.objectId ?? '',
  callerName: event.principal?.name ?? '',
  action: event.action,
  resourceId: event.path,
  category: isAboutAccess(event) ? 'Security' : 'Administrative',
  level: event.status === 'Failed' ? (event.httpStatus === 500 ? 'Error' : 'Warning') : 'Informational',
  status: event.status,
  ...(event.httpStatus === undefined ? {} : { httpStatus: event.httpStatus }),
  ...(event.errorCode === undefined ? {} : { errorCode: event.errorCode }),
  properties: {
    method: event.method,
    clientAddress: event.address,
    ...(event.principal && { appId: event.principal.appId }),
  },
});

const isAboutAccess = ({ action, httpStatus }: RequestEvent): boolean =>
  httpStatus === 401 || httpStatus === 403 || /^(Microsoft\.Authorization|Strongroom\.Identity)\//i.test(action);

const ofSignIn = (event: SignInEvent, at: number): AuditEvent => ({
  at,
  correlationId: '',
  caller: event.principalId ?? '',
  callerName: printable(event.name),
  action: 'Strongroom.Identity/principals/signIn/action',
  resourceId: `/providers/Strongroom.Identity/principals/${event.principalId ?? 'unknown'}`,
  category: 'Security',
  level: event.isSuccess ? 'Informational' : 'Warning',
  status: event.isSuccess ? 'Succeeded' : 'Failed',
  ...(event.number === undefined ? {} : { errorCode: `AADSTS${event.number}` }),
  properties: { grant: event.grant, clientAddress: event.address },
});

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');
