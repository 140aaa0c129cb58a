import type { ProtectedItem } from '../../vault/protectedItem.ts';
import { isActivelyProtected } from '../../vault/protection.ts';

/** How a machine stands in a vault, as pre-checks and intents say it: retained data count as protection. */
export const protectionStatusOf = (
  item: ProtectedItem,
): 'NotProtected' | 'Protecting' | 'Protected' | 'ProtectionFailed' => {
  if (item.softDelete) return 'NotProtected';
  if (!isActivelyProtected(item) || item.protectionState === 'Protected') return 'Protected';
  return item.lastBackup?.status === 'Failed' ? 'ProtectionFailed' : 'Protecting';
};
