/** Who sends a request, as the token proved it. */
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
