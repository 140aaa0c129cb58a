/** Who sends a request, as the token proved it. One object lives as long as its request. */
export interface Principal {
  /** The directory object role assignments name. */
  readonly objectId: string;
  readonly tenantId: string;
  /** Client id of the application. */
  readonly appId: string;
  /** For people to read; never decides anything. */
  readonly name: string;
}

/**
 * Turns the `Authorization` header into a principal.
 * Errors: AuthenticationFailed, InvalidAuthenticationToken, ExpiredAuthenticationToken.
 */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>;

/** Whether the principal may do `action` at `scope`, a path like `/subscriptions/…`; compared without case. */
export type Authorize = (principal: Principal, action: string, scope: string) => Promise<boolean>;

/** Whether the principal holds any role on something below `scope`; with `around`, also one at it or above it. */
export type HoldsRole = (principal: Principal, scope: string, around?: 'around') => Promise<boolean>;

/** The scopes whose locks forbid to delete what is at `path` (and all below it), or to change it. Empty: none. */
export type LockedBy = (what: 'delete' | 'write', path: string) => Promise<readonly string[]>;
