import { CodedError } from '../../lib/error.ts';
import type { Authorize, Principal } from '../principal.ts';

/** Errors: AuthorizationFailed. */
export async function demand(authorize: Authorize, who: Principal, action: string, scope: string): Promise<void> {
  if (!(await authorize(who, action, scope))) throw notAuthorized(who, action, scope);
}

export const notAuthorized = (who: Principal, action: string, scope: string): CodedError =>
  new CodedError(
    'AuthorizationFailed',
    `The client '${who.appId}' with object id '${who.objectId}' does not have authorization to perform action ` +
      `'${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
