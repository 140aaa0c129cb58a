import { CodedError } from '../../lib/error.ts';
import type { LockedBy } from '../principal.ts';
import type { Route } from '../route.ts';

/** Locks themselves can always be set and taken off by those who may. */
const LOCKS = 'microsoft.authorization/locks/';

/** Errors: ScopeLocked, for what is no reading, under a lock that forbids it. */
export async function assertUnlocked(
  lockedBy: LockedBy,
  route: Pick<Route, 'method' | 'action'>,
  path: string,
): Promise<void> {
  if (route.method === 'GET' || route.method === 'HEAD') return;
  if (route.action.toLowerCase().startsWith(LOCKS)) return;
  const what = route.method === 'DELETE' || route.action.endsWith('/delete') ? 'delete' : 'write';
  const scopes = await lockedBy(what, path);
  if (scopes.length === 0) return;
  throw new CodedError(
    'ScopeLocked',
    `The scope '${path}' cannot perform ${what} operation because following scope(s) are locked: '${scopes.join(',')}'. ` +
      'Please remove the lock and try again.',
    { recommendations: ['az lock list tells the locks; az lock delete takes one off.'] },
  );
}
