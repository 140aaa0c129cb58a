import { findGuestExtension, type GuestExtensionRecord } from '../db/guestExtensions.ts';
import type { MachineView } from './machineSource.ts';
import type { Services } from './services.ts';

/** How the guest extension stands in a machine that has it, or is to have it; one made anew under its name starts afresh. */
export async function machineExtension(
  { db }: Pick<Services, 'db'>,
  { resourceGroup, name, vmId }: MachineView,
): Promise<GuestExtensionRecord | undefined> {
  const record = await findGuestExtension(db.queries, resourceGroup, name);
  return record?.vmId === vmId && record.status !== 'unsupported' ? record : undefined;
}
