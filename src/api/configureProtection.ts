import type { ArmContext } from '../arm/route.ts';
import { raiseAlert } from '../db/alerts.ts';
import { restartSchedule } from '../db/itemSchedule.ts';
import { findItem, insertItem, updateItem } from '../db/items.ts';
import { listUnendedJobs } from '../db/jobList.ts';
import type { Queries } from '../db/schema.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { machineArmId } from '../vault/armIds.ts';
import { itemName, type MachineName } from '../vault/names.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { changeProtection, enableProtection, type ProtectionChange } from '../vault/protection.ts';
import type { Vault } from '../vault/vault.ts';
import type { ItemPut } from './body/protectedItem.ts';
import { recordDoneChange } from './itemOperation.ts';
import { vaultNow } from './lookups.ts';
import type { MachineView } from './machineSource.ts';
import { findMachine } from './machines.ts';
import { demandSecondConsent } from './multiUser.ts';
import { assertNotElsewhere, assertRoom, machineNotFound, requireProtectable } from './protectability.ts';
import { protectionRequest } from './protectionRequest.ts';
import type { Services } from './services.ts';

export interface Configured {
  readonly item: ProtectedItem;
  /** Id of the operation that names the job. */
  readonly operation: string;
}

type Caller = Pick<ArmContext, 'principal' | 'can' | 'demand' | 'path' | 'requestedAt' | 'signal' | 'log'>;

/**
 * Does what a PUT on a protected item asks for, at once and whole, with its job, its alert and its schedule; asked for
 * again, it changes nothing. `intent`: the name of the intent that asks for it.
 * Errors: those of protectability.ts, protectionRequest.ts, vault/protection.ts and multiUser.ts; BMSUserErrorObjectLocked.
 */
export async function configureProtection(
  services: Services,
  context: Caller,
  vault: Vault,
  name: MachineName,
  body: ItemPut,
  intent?: string,
): Promise<Configured> {
  const existing = await findItem(services.db.queries, vault.id, name.resourceGroup, name.vmName);
  const machine = existing
    ? await seenMachine(services, name, context.signal)
    : await requireProtectable(services, vault, name, context.signal);
  if (!existing && machine) {
    // The vault's role alone must not give away the contents of any machine.
    const id = machineArmId(vault.subscriptionId, machine.resourceGroup, machine.name);
    await context.demand('Microsoft.Compute/virtualMachines/write', id);
  }
  const { isMigration, ...done } = await services.db.transaction(async (tx) =>
    decide({ services, context, vault: await vaultNow(tx, vault), name, machine, body, intent }, tx),
  );
  if (isMigration) await backUpAfterMigration(services, context, done.item);
  return done;
}

interface Asked {
  readonly services: Services;
  readonly context: Caller;
  readonly vault: Vault;
  readonly name: MachineName;
  readonly machine: MachineView | undefined;
  readonly body: ItemPut;
  readonly intent: string | undefined;
}

async function decide(asked: Asked, tx: Queries): Promise<Configured & { readonly isMigration: boolean }> {
  const { services, context, vault, name, machine, body } = asked;
  const now = services.clock.now();
  const before = await findItem(tx, vault.id, name.resourceGroup, name.vmName);
  const request = {
    ...(await protectionRequest(tx, services.config.limits, vault, name, body, before)),
    ...(machine ? { attachedLuns: machine.disks.map(({ lun }) => lun) } : {}),
  };
  if (request.policy) await assertNotElsewhere(tx, vault, name);
  await assertRoom(tx, services.config.limits, vault, { isNew: !before, now });
  const change = before
    ? changeProtection(vault, before, request, now)
    : enableProtection(vault, protectedMachine(vault, requireFound(machine, name)), request, {
        id: crypto.randomUUID(),
        now,
      });
  await assertConsent(tx, asked, change);
  if (change.isMigration) await assertIdle(tx, change.item);
  const item = withMachine(asked, change.item, request.policy !== undefined);
  if (before) await updateItem(tx, item);
  else await insertItem(tx, item);
  if (change.isRescheduled) await restartSchedule(tx, item.id, now);
  if (change.shortened.length > 0) await tellOfShorterRetention(tx, item, change, now);
  const propertyBag = request.policy ? { 'Policy Name': request.policy.name } : {};
  const by = context.principal.objectId;
  const operation = await recordDoneChange(tx, { vault, item, operation: change.operation, by, now, propertyBag });
  return { item, operation, isMigration: change.isMigration };
}

/** An item follows the machine of its name, which may have been made again or lie on another host. */
const withMachine = ({ machine, intent }: Asked, item: ProtectedItem, isProtecting: boolean): ProtectedItem => ({
  ...item,
  ...(isProtecting && machine ? { host: machine.host, vmId: machine.vmId } : {}),
  ...(intent === undefined ? {} : { intent }),
});

/** Errors: those of `demandSecondConsent`. */
async function assertConsent(tx: Queries, { context, vault, body }: Asked, change: ProtectionChange): Promise<void> {
  const requests = body.resourceGuardOperationRequests ?? undefined;
  if (change.operation === 'DisableBackup')
    await demandSecondConsent(tx, context, vault, 'stopProtectionWithRetainData', requests);
  if (change.shortened.length > 0) await demandSecondConsent(tx, context, vault, 'updateProtection', requests);
}

/** Errors: BMSUserErrorObjectLocked. */
async function assertIdle(tx: Queries, item: ProtectedItem): Promise<void> {
  const [job] = await listUnendedJobs(tx, { itemId: item.id });
  if (!job) return;
  throw new CodedError('BMSUserErrorObjectLocked', 'Another operation is in progress on the selected item.', {
    target: itemName(item),
    details: [{ code: 'JobInProgress', message: `The ${job.operation} job ${job.id} has not ended.`, target: job.id }],
    recommendations: [
      'A change from a standard to an enhanced policy waits until no job of the machine runs: try again then.',
    ],
  });
}

const tellOfShorterRetention = (tx: Queries, item: ProtectedItem, { shortened }: ProtectionChange, now: number) =>
  raiseAlert(tx, {
    kind: 'ModifyProtectionWithShorterRetention',
    vaultId: item.vaultId,
    itemId: item.id,
    about: item.vmName,
    description: `The recovery points of '${item.vmName}' are kept for a shorter time now: ${shortened.map(({ message }) => message).join(' ')}`,
    at: now,
  });

/** The first backup under an enhanced policy is not left to the schedule; one that runs already serves as well. */
async function backUpAfterMigration(services: Services, context: Caller, item: ProtectedItem): Promise<void> {
  const by = { objectId: context.principal.objectId, name: context.principal.name };
  try {
    await services.jobs.requestBackup(item.id, { userTriggered: false, by });
  } catch (error) {
    if (!isCoded(error, 'UserErrorBackupOperationInProgress')) throw error;
    context.log.info({ item: item.id, reason: error.message }, 'no further backup after the migration');
  }
}

/**
 * The machine of an existing item, if a host shows it now: it may have been made again, or moved to another host.
 * Its absence, or a silent host, keeps nobody from changing the item.
 */
async function seenMachine(
  services: Services,
  name: MachineName,
  signal: AbortSignal,
): Promise<MachineView | undefined> {
  try {
    return await findMachine(services, { resourceGroup: name.resourceGroup, name: name.vmName }, signal);
  } catch (error) {
    if (isCoded(error, 'HostUnavailable')) return undefined;
    throw error;
  }
}

/** Errors: BCMV2VMNotFound. */
function requireFound(machine: MachineView | undefined, name: MachineName): MachineView {
  if (machine) return machine;
  throw machineNotFound(name);
}

const protectedMachine = (vault: Vault, machine: MachineView) => ({
  host: machine.host,
  resourceGroup: machine.resourceGroup,
  vmName: machine.name,
  vmId: machine.vmId,
  sourceResourceId: machineArmId(vault.subscriptionId, machine.resourceGroup, machine.name),
});
