import type { BackupPolicy } from '../api/wire/backupPolicy.ts';
import type { ProtectableItem } from '../api/wire/protectableItem.ts';
import type { ExtendedProperties } from '../api/wire/protectedItem.ts';
import type { Vault } from '../api/wire/vault.ts';
import type { VirtualMachine } from '../api/wire/virtualMachine.ts';
import { CodedError } from '../lib/error.ts';
import { retryAfterMs } from './client.ts';
import { below, itemPath, lastSegment, sameName } from './ids.ts';
import { vaultPath } from './items.ts';
import { readMachine } from './machines.ts';
import { putItem } from './protect.ts';
import type { Session } from './shell.ts';

export interface EnableOptions {
  readonly resourceGroup: string;
  readonly vaultName: string;
  readonly vm: string;
  readonly policyName: string;
  readonly disks: ExtendedProperties['diskExclusionProperties'];
  readonly wait: boolean;
}

/** Protects a machine: finds it, discovers it for the vault, sets its policy. */
export async function enableForVm(session: Session, options: EnableOptions): Promise<void> {
  const { arm } = session;
  const machine = await readMachine(session, options.vm, options.resourceGroup);
  const vault = vaultPath(arm, options.resourceGroup, options.vaultName);
  sameLocation(machine, await arm.get<Vault>('vault', vault));
  const policy = await arm.get<BackupPolicy>('backup', below(vault, 'backupPolicies', options.policyName));
  const item = await protectable(session, vault, machine);
  const change = {
    sourceResourceId: machine.id,
    policyId: policy.id,
    ...(options.disks && { extendedProperties: { diskExclusionProperties: options.disks } }),
  };
  await putItem(session, vault, protectedPath(vault, item), change, options.wait);
}

function sameLocation(machine: VirtualMachine, vault: Vault): void {
  if (sameName(machine.location, vault.location)) return;
  throw new CodedError(
    'InvalidResourceLocation',
    `Machine ${machine.name} is in ${machine.location}, vault ${vault.name} in ${vault.location}: they must be in one.`,
    { target: machine.id, recommendations: [`Use a vault in ${machine.location}.`] },
  );
}

async function protectable(session: Session, vault: string, machine: VirtualMachine): Promise<ProtectableItem> {
  const known = await findProtectable(session, vault, machine);
  if (known) return known;
  await refreshContainers(session, vault);
  const found = await findProtectable(session, vault, machine);
  if (found) return found;
  throw new CodedError(
    'ResourceNotFound',
    `The vault does not find machine ${machine.name} among those it can protect.`,
    {
      target: machine.id,
      recommendations: [
        'It may be protected already, by this vault or another: `strongroom protection check-vm` tells.',
        'Its host may be out of reach: `strongroom vm list` shows the machines that are found now.',
      ],
    },
  );
}

async function findProtectable(
  { arm }: Session,
  vault: string,
  machine: VirtualMachine,
): Promise<ProtectableItem | undefined> {
  const items = await arm.list<ProtectableItem>('backup', below(vault, 'backupProtectableItems'), {
    query: { $filter: "backupManagementType eq 'AzureIaasVM'" },
  });
  return items.find((item) => sameName(item.properties.virtualMachineId, machine.id));
}

const POLL_MS = 1000;

async function refreshContainers({ arm, clock, signal }: Session, vault: string): Promise<void> {
  const fabric = below(vault, 'backupFabrics', 'Azure');
  const answer = await arm.send('POST', 'backup', below(fabric, 'refreshContainers'));
  const location = answer.headers.location;
  if (location === undefined) return;
  const path = below(fabric, 'operationResults', decodeURIComponent(lastSegment(new URL(location).pathname)));
  for (let last = answer; last.status === 202; last = await arm.send('GET', 'backup', path)) {
    await clock.sleep(retryAfterMs(last.headers, POLL_MS), signal);
  }
}

/** Containers and items are named in the id of what can be protected. */
function protectedPath(vault: string, { id }: ProtectableItem): string {
  const container = /\/protectionContainers\/([^/]+)/i.exec(id)?.[1];
  const item = lastSegment(id);
  if (container === undefined) throw new CodedError('ServerAnswerInvalid', `An id without its container: ${id}`);
  return itemPath(vault, decodeURIComponent(container), /^vm;/i.test(item) ? item : `VM;${item}`);
}
