import type { ArmContext } from '../arm/route.ts';
import { findItem, findItemsOfMachine } from '../db/items.ts';
import { findVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { machineArmId, vaultArmId } from '../vault/armIds.ts';
import { containerName, itemName, type MachineName } from '../vault/names.ts';
import { isActivelyProtected } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import { parseVaultId, type ResourceParts, sameName } from './ids.ts';
import { normalLocation } from './locations.ts';
import { assertNotElsewhere, assertRoom, requireProtectable } from './protectability.ts';
import type { Services } from './services.ts';

/** Answer of backupPreValidateProtection. */
export interface PreValidation {
  readonly status: 'Succeeded' | 'Failed';
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly recommendation?: string;
  readonly containerName: string;
  readonly protectedItemName: string;
}

interface Asked {
  readonly machine: ResourceParts;
  readonly location: string;
  /** '' and absent: any vault of the location. */
  readonly vaultId: string | undefined;
}

/**
 * Whether a machine could be protected in a vault now: what enabling would refuse is said here, with the same code.
 * What hosts tell of the machine is looked at for those alone who may read it.
 */
export async function preValidation(
  services: Services,
  context: Pick<ArmContext, 'can' | 'signal'>,
  asked: Asked,
): Promise<PreValidation> {
  const { machine } = asked;
  const name = { resourceGroup: machine.resourceGroup, vmName: machine.name };
  const names = { containerName: containerName(name), protectedItemName: itemName(name) };
  try {
    await check(services, context, asked, name);
    return { status: 'Succeeded', ...names };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const [recommendation] = error.recommendations;
    return {
      status: 'Failed',
      errorCode: error.code,
      errorMessage: error.message,
      ...(recommendation === undefined ? {} : { recommendation }),
      ...names,
    };
  }
}

async function check(
  services: Services,
  context: Pick<ArmContext, 'can' | 'signal'>,
  { machine, location, vaultId }: Asked,
  name: MachineName,
): Promise<void> {
  const { queries } = services.db;
  if (!sameName(machine.subscription, services.config.subscriptionId))
    throw new CodedError(
      'UserErrorCrossSubscriptionBackupNotSupported',
      `The machine lies in the subscription '${machine.subscription}'; a vault protects machines of its own subscription, '${services.config.subscriptionId}'.`,
    );
  const vault = await vaultOf(services, vaultId, location);
  const items = await findItemsOfMachine(queries, name.resourceGroup, name.vmName);
  const active = items.find(isActivelyProtected);
  if (active && (!vault || active.vaultId === vault.id)) throw alreadyProtected();
  await assertNotElsewhere(queries, vault, name);
  if (!vault) return;
  await assertFree(services, vault, name);
  const id = machineArmId(vault.subscriptionId, name.resourceGroup, name.vmName);
  if (await context.can('Microsoft.Compute/virtualMachines/read', id))
    await requireProtectable(services, vault, name, context.signal);
  const isNew = !items.some((item) => item.vaultId === vault.id);
  await assertRoom(queries, services.config.limits, vault, { isNew, now: services.clock.now() });
}

/** Errors: ResourceNotFound, BadRequest (not an id, or a vault of another location). */
async function vaultOf(services: Services, id: string | undefined, location: string): Promise<Vault | undefined> {
  if (id === undefined || id === '') return undefined;
  const parts = parseVaultId(id);
  if (!parts)
    throw new CodedError(
      'BadRequest',
      `vaultId is '${id.slice(0, 256)}'; legal is '/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{name}'.`,
    );
  const vault = await findVault(services.db.queries, parts.subscription, parts.resourceGroup, parts.name);
  if (!vault) throw new CodedError('ResourceNotFound', `The vault '${parts.name}' was not found.`);
  if (normalLocation(vault.location) === normalLocation(location)) return vault;
  throw new CodedError(
    'BadRequest',
    `The vault '${vault.name}' lies in '${vault.location}', not in '${location}', for which this was asked.`,
  );
}

/** Errors: UserErrorItemSoftDeleted. */
async function assertFree({ db }: Services, vault: Vault, name: MachineName): Promise<void> {
  const item = await findItem(db.queries, vault.id, name.resourceGroup, name.vmName);
  if (!item?.softDelete) return;
  throw new CodedError(
    'UserErrorItemSoftDeleted',
    `The vault '${vaultArmId(vault)}' holds a soft-deleted backup item of this machine.`,
    { recommendations: ['Undelete the item and resume its protection, or protect the machine in another vault.'] },
  );
}

const alreadyProtected = (): CodedError =>
  new CodedError(
    'VirtualMachineAlreadyProtected',
    'Virtual machine with same name and same resource group is already protected.',
    { recommendations: ['Its backup item is in the vault already: change its policy there, or stop its protection.'] },
  );
