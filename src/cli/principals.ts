import type { PrincipalResource } from '../api/wire/principal.ts';
import type { ArmClient } from './client.ts';
import { UsageError } from './exit.ts';
import { subscriptionPath } from './ids.ts';

export const principalsPath = (arm: ArmClient): string =>
  `${subscriptionPath(arm.subscriptionId)}/providers/Strongroom.Identity/principals`;

/** The principal of an object id, application id, user name or display name. Errors: UsageError, when none or several fit. */
export async function findPrincipal(arm: ArmClient, name: string): Promise<PrincipalResource> {
  const all = await arm.list<PrincipalResource>('identity', principalsPath(arm));
  const wanted = name.toLowerCase();
  const exact = all.filter(({ properties: one }) =>
    [one.objectId, one.appId, one.userPrincipalName].some((own) => own?.toLowerCase() === wanted),
  );
  const found = exact.length > 0 ? exact : all.filter((one) => one.properties.displayName.toLowerCase() === wanted);
  if (found.length === 1) return found[0]!;
  if (found.length === 0)
    throw new UsageError(`there is no principal '${name}'; 'strongroom principal list' shows all`);
  throw new UsageError(`'${name}' stands for ${found.length} principals; give an object id`);
}
