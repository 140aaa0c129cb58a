import type { ArmContext } from '../../arm/route.ts';
import { type ArmResource, deleteArmResource, findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { GroupView } from '../lookups.ts';
import type { KeptDisk, LocalImage } from '../machineKeeper.ts';
import type { Services } from '../services.ts';
import { trackedId } from '../trackedPut.ts';
import { attachable, type PlannedDisk } from './diskPlan.ts';
import { DISK_TYPE, putDisk, requireKeeper, setManagedBy } from './disks.ts';
import { requireImage, sizeGiB } from './images.ts';
import { type MachinePut, refuseUnserved } from './machineBody.ts';
import { findRecord, type KnownMachine, type MachineRecord, putRecord } from './machineRecord.ts';
import { hostCards, requireCards, setCardOwner } from './networkCards.ts';
import { checkOsProfile, type OsProfile, seedFiles } from './seed.ts';
import { requireSize, type VmSize } from './vmSizes.ts';

const GIB = 2 ** 30;
const DEFAULT_SIZE = 'Standard_DS1_v2';

/** A machine to be, with all that can be known before anything is made. */
export interface MachinePlan {
  readonly known: KnownMachine;
  readonly size: VmSize;
  readonly disks: readonly PlannedDisk[];
  readonly boot: LocalImage['boot'];
  readonly osProfile: OsProfile | undefined;
}

/** Errors: InvalidParameter, ImageNotFound, InvalidResourceReference, NicInUse, OperationNotAllowed, AuthorizationFailed. */
export async function planMachine(
  services: Services,
  context: ArmContext,
  where: { readonly group: GroupView; readonly name: string; readonly location: string },
  body: MachinePut,
): Promise<MachinePlan> {
  refuseUnserved(body);
  requireKeeper(services);
  const { group, name, location } = where;
  const { hardwareProfile, storageProfile, networkProfile, osProfile, diagnosticsProfile } = body.properties;
  const size = requireSize(hardwareProfile?.vmSize ?? DEFAULT_SIZE);
  if (osProfile) checkOsProfile(osProfile);
  const id = machineArmId(services.config.subscriptionId, group.name, name);
  const os = await planOsDisk(services, context, group, name, storageProfile);
  const data: PlannedDisk[] = [];
  for (const disk of storageProfile?.dataDisks ?? [])
    data.push(await attachable(services, context, { resourceGroup: group.name, machine: name }, disk));
  if (data.length > size.maxDataDisks) throw tooMany(size);
  const cards = await requireCards(services, context, id, networkProfile);
  const disks = [os.disk, ...data];
  const record: MachineRecord = {
    ...{ state: 'Creating', deallocated: false, vmId: crypto.randomUUID(), createdAt: services.clock.now() },
    ...{ vmSize: size.name, osType: os.osType, disks: disks.map(({ record: one }) => one), cards },
    ...(os.image && storageProfile?.imageReference
      ? { imageReference: withoutNull(storageProfile.imageReference) }
      : {}),
    ...(osProfile ? { osProfile: shownProfile(name, osProfile) } : {}),
    ...(body.identity ? { identity: withoutNull(body.identity) } : {}),
    ...(diagnosticsProfile ? { diagnosticsProfile: diagnosticsProfile as Record<string, unknown> } : {}),
  };
  const known = { id, resourceGroup: group.name, name, location, tags: body.tags ?? {}, record };
  return { known, size, disks, boot: os.image?.boot ?? {}, osProfile: os.image ? (osProfile ?? undefined) : undefined };
}

/** Takes the name. Errors: Conflict when another request has begun to make it. */
export const reserveMachine = (services: Services, { known }: MachinePlan): Promise<void> =>
  services.db.transaction(async (tx) => {
    const other = await findRecord(services, known, tx);
    if (other?.record.state === 'Creating') throw busy(known.name);
    await putRecord(services, tx, known);
  });

/** Makes the planned machine and starts it: all of it, or nothing is left. */
export async function createMachine(services: Services, plan: MachinePlan, signal: AbortSignal): Promise<void> {
  const { known, size, disks } = plan;
  const { host, source, keeper } = requireKeeper(services);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => forget(services, plan));
  const written: { readonly disk: PlannedDisk; readonly kept: KeptDisk }[] = [];
  for (const disk of disks) {
    const { resourceGroup } = known;
    const kept = disk.existing ?? (await keeper.makeDisk({ resourceGroup, ...disk.make }, signal));
    if (!disk.existing) undo.defer(() => keeper.removeDisk(kept));
    written.push({ disk, kept });
  }
  signal.throwIfAborted();
  const { resourceGroup, name, location, tags, record } = known;
  await keeper.createMachine({
    ...{ resourceGroup, name, location, tags, osType: record.osType, vmId: record.vmId, boot: plan.boot },
    ...{ memoryMiB: size.memoryMiB, cpus: size.cpus, cards: await hostCards(services, record.cards) },
    disks: written
      .map(({ disk, kept }) => ({ ...disk.record, ...kept }))
      .map(({ lun, name: disk, path, format }) => ({ lun, name: disk, path, format })),
    ...(plan.osProfile ? { seed: await seedFiles(name, record.vmId, plan.osProfile) } : {}),
  });
  undo.defer(() => keeper.deleteMachine(known));
  await source.start?.(known, signal);
  await services.db.transaction(async (tx) => {
    for (const { disk, kept } of written) {
      const { name: diskName, lun, diskId = '' } = disk.record;
      const createOption = disk.make?.from ? ('FromImage' as const) : ('Empty' as const);
      if (disk.existing) await setManagedBy(services, tx, diskId, known.id);
      else
        await putDisk(services, tx, {
          ...{ resourceGroup, name: diskName, location, tags, host, disk: kept, createOption, managedBy: known.id },
          ...(lun < 0 ? { osType: record.osType } : {}),
        });
    }
    await setCardOwner(tx, record.cards, known.id);
    await putRecord(services, tx, { ...known, record: { ...record, state: 'Succeeded' } });
  });
  undo.move();
}

const forget = async ({ db }: Services, { known }: MachinePlan): Promise<void> => {
  await deleteArmResource(db.queries, known.id);
};

interface PlannedOs {
  readonly disk: PlannedDisk;
  readonly osType: 'Linux' | 'Windows';
  readonly image?: LocalImage;
}

async function planOsDisk(
  services: Services,
  context: ArmContext,
  group: GroupView,
  machine: string,
  profile: MachinePut['properties']['storageProfile'],
): Promise<PlannedOs> {
  const asked = profile?.osDisk;
  const deleteOption = asked?.deleteOption?.toLowerCase() === 'delete' ? ('Delete' as const) : ('Detach' as const);
  const caching = asked?.caching ?? 'ReadWrite';
  if (asked?.createOption.toLowerCase() === 'attach') {
    const data = { ...asked, lun: 0, createOption: 'Attach' };
    const disk = await attachable(services, context, { resourceGroup: group.name, machine }, data);
    const row = await findArmResource(services.db.queries, disk.record.diskId ?? '');
    const osType = asked.osType ?? (row?.properties.osType as 'Linux' | 'Windows' | undefined) ?? 'Linux';
    return { disk: { ...disk, record: { ...disk.record, lun: -1, caching } }, osType };
  }
  if (!profile?.imageReference)
    throw new CodedError('InvalidParameter', "'properties.storageProfile.imageReference' is required.", {
      target: 'properties.storageProfile.imageReference',
    });
  const image = await requireImage(services, profile.imageReference);
  const name = asked?.name ?? `${machine}_OsDisk_1_${crypto.randomUUID().replaceAll('-', '')}`;
  const diskId = trackedId(services, DISK_TYPE, group.name, name);
  await requireNewDisk(services, diskId);
  const sizeBytes = asked?.diskSizeGB == null ? image.sizeBytes : asked.diskSizeGB * GIB;
  if (sizeBytes < image.sizeBytes)
    throw new CodedError(
      'InvalidParameter',
      `'properties.storageProfile.osDisk.diskSizeGB' must be at least ${sizeGiB(image)}, the size of the image.`,
      {
        target: 'properties.storageProfile.osDisk.diskSizeGB',
      },
    );
  return {
    disk: {
      make: { name, sizeBytes, from: { path: image.path, format: image.format } },
      record: { lun: -1, name, diskId, createOption: 'FromImage', caching, deleteOption },
    },
    osType: image.osType,
    image,
  };
}

async function requireNewDisk({ db }: Services, diskId: string): Promise<void> {
  const taken: ArmResource | undefined = await findArmResource(db.queries, diskId);
  if (taken)
    throw new CodedError('Conflict', `Disk ${taken.name} exists already in resource group ${taken.resourceGroup}.`, {
      target: diskId,
    });
}

const shownProfile = (name: string, profile: OsProfile): Record<string, unknown> => {
  const { adminPassword: _password, customData: _data, ...rest } = profile;
  return {
    ...withoutNull(rest),
    computerName: profile.computerName ?? name,
    secrets: [],
    allowExtensionOperations: true,
  };
};

const withoutNull = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null));

const tooMany = (size: VmSize): CodedError =>
  new CodedError(
    'OperationNotAllowed',
    `The maximum number of data disks allowed to be attached to a VM of size ${size.name} is ${size.maxDataDisks}.`,
    {
      target: 'properties.storageProfile.dataDisks',
    },
  );

const busy = (name: string): CodedError =>
  new CodedError('Conflict', `The machine '${name}' is being created by another request.`, { target: name });
