import type { VirtualMachine } from '../api/wire/virtualMachine.ts';
import { idParts, MACHINES, providerPath } from './ids.ts';
import type { Session } from './shell.ts';

/** Reads a machine given by name (in `group`) or by id. */
export function readMachine({ arm }: Session, nameOrId: string, group: string): Promise<VirtualMachine> {
  const parts = nameOrId.includes('/') ? idParts(nameOrId) : undefined;
  const path = providerPath(
    parts?.subscriptions ?? arm.subscriptionId,
    parts?.resourcegroups ?? group,
    MACHINES,
    parts?.virtualmachines ?? nameOrId,
  );
  return arm.get<VirtualMachine>('compute', path);
}
