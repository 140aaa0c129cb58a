import type { Principal } from './principal.ts';

/** One request, as the audit trail is told of it. */
export interface RequestEvent {
  readonly correlationId: string;
  /** Absent: nobody proved who he is. */
  readonly principal?: Principal;
  /** The action asked for, and where. */
  readonly action: string;
  readonly path: string;
  readonly method: string;
  readonly status: 'Started' | 'Accepted' | 'Succeeded' | 'Failed';
  readonly httpStatus?: number;
  /** Code of the error it was answered with. */
  readonly errorCode?: string;
  /** IP address of the caller. */
  readonly address: string;
}

/** Where the server tells what was done and refused. */
export interface AuditTrail {
  /**
   * Told before a write, an action or a deletion is carried out, which it is not when this fails.
   * Errors: ServiceUnavailable.
   */
  begin(event: RequestEvent): Promise<void>;
  /** How it ended. Does not fail: what was begun stands in the trail already. */
  end(event: RequestEvent): Promise<void>;
  /** A request that was not let in, of whatever method. Does not fail; may be left out when there are too many. */
  refused(event: RequestEvent): Promise<void>;
}
