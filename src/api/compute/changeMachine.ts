import type { ArmContext } from '../../arm/route.ts';
import { deleteArmResource, findArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import { machineArmId } from '../../vault/armIds.ts';
import { sameName } from '../ids.ts';
import type { MachineView } from '../machineSource.ts';
import type { Services } from '../services.ts';
import { attachable, type PlannedDisk } from './diskPlan.ts';
import { putDisk, removeDiskData, setManagedBy } from './disks.ts';
import type { MachineProperties } from './machineBody.ts';
import { type DiskRecord, findRecord, type KnownMachine, putRecord } from './machineRecord.ts';
import { requireSize, type VmSize } from './vmSizes.ts';

/** What a PUT or PATCH asks to be other than it is. */
export interface MachineChange {
  readonly attach: readonly PlannedDisk[];
  readonly detach: readonly DiskRecord[];
  readonly size?: VmSize;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Errors: InvalidParameter, OperationNotAllowed, those of the disks named. */
export async function planChange(
  services: Services,
  context: ArmContext,
  machine: MachineView,
  asked: {
    readonly properties?: MachineProperties | null | undefined;
    readonly tags?: Readonly<Record<string, string>> | null | undefined;
  },
): Promise<MachineChange> {
  const known = await findRecord(services, machine);
  const wanted = asked.properties?.storageProfile?.dataDisks ?? undefined;
  const present = machine.disks.filter(({ lun }) => lun >= 0);
  const kept = (wanted ?? []).filter((disk) => disk.toBeDetached !== true);
  const attach: PlannedDisk[] = [];
  for (const disk of kept) {
    const there = present.find(({ lun }) => lun === disk.lun);
    if (there && (disk.name == null || sameName(there.name, disk.name))) continue;
    if (there)
      throw new CodedError(
        'InvalidParameter',
        `LUN ${disk.lun} has the disk ${there.name}; name another LUN, or detach that first.`,
        {
          target: 'properties.storageProfile.dataDisks.lun',
        },
      );
    attach.push(
      await attachable(services, context, { resourceGroup: machine.resourceGroup, machine: machine.name }, disk),
    );
  }
  const detach = wanted === undefined ? [] : present.filter(({ lun }) => !kept.some((disk) => disk.lun === lun));
  const size = sizeChange(known, machine, asked.properties?.hardwareProfile?.vmSize);
  const limit = (size ?? (known?.record.vmSize === undefined ? undefined : requireSize(known.record.vmSize)))
    ?.maxDataDisks;
  const count = present.length - detach.length + attach.length;
  if (limit !== undefined && attach.length > 0 && count > limit)
    throw new CodedError(
      'OperationNotAllowed',
      `The maximum number of data disks allowed to be attached to a VM of this size is ${limit}.`,
      {
        target: 'properties.storageProfile.dataDisks',
      },
    );
  const tags = asked.tags && !sameTags(asked.tags, machine.tags) ? asked.tags : undefined;
  return {
    attach,
    detach: detach.map((disk) => recordOf(known, disk)),
    ...(size ? { size } : {}),
    ...(tags ? { tags } : {}),
  };
}

export const isNothing = ({ attach, detach, size, tags }: MachineChange): boolean =>
  attach.length === 0 && detach.length === 0 && size === undefined && tags === undefined;

/** One after the other; what was done before a failure stays, and is recorded. */
export async function applyChange(
  services: Services,
  machine: MachineView,
  change: MachineChange,
  signal: AbortSignal,
): Promise<void> {
  const { tags, size } = change;
  const { keeper, host } = requireKeeperOf(services, machine);
  if (tags || size)
    await keeper.change(machine, {
      ...(tags ? { tags } : {}),
      ...(size ? { memoryMiB: size.memoryMiB, cpus: size.cpus } : {}),
    });
  await editRecord(services, machine, (known) => ({
    ...known,
    tags: tags ?? known.tags,
    record: { ...known.record, ...(size ? { vmSize: size.name } : {}) },
  }));
  for (const disk of change.detach) await detach(services, machine, disk);
  for (const disk of change.attach) {
    signal.throwIfAborted();
    await attach(services, machine, host, disk, signal);
  }
}

async function attach(services: Services, machine: MachineView, host: string, disk: PlannedDisk, signal: AbortSignal) {
  const { keeper } = requireKeeperOf(services, machine);
  const { resourceGroup } = machine;
  const { lun, name, diskId = '' } = disk.record;
  await using undo = new AsyncDisposableStack();
  const kept = disk.existing ?? (await keeper.makeDisk({ resourceGroup, ...disk.make }, signal));
  if (!disk.existing) undo.defer(() => keeper.removeDisk(kept));
  await keeper.attachDisk(machine, { ...kept, lun, name });
  undo.move();
  const owner = machineArmId(services.config.subscriptionId, resourceGroup, machine.name);
  const { location } = machine;
  await services.db.transaction(async (tx) => {
    if (disk.existing) await setManagedBy(services, tx, diskId, owner);
    else
      await putDisk(services, tx, {
        ...{ resourceGroup, name, location, tags: {}, host, disk: kept, createOption: 'Empty', managedBy: owner },
      });
  });
  await editRecord(
    services,
    machine,
    withDisks((disks) => [...disks, disk.record]),
  );
}

async function detach(services: Services, machine: MachineView, disk: DiskRecord): Promise<void> {
  await requireKeeperOf(services, machine).keeper.detachDisk(machine, disk.lun);
  await editRecord(
    services,
    machine,
    withDisks((disks) => disks.filter(({ lun }) => lun !== disk.lun)),
  );
  if (disk.diskId === undefined) return;
  await setManagedBy(services, services.db.queries, disk.diskId);
  if (disk.deleteOption === 'Delete') await removeDisk(services, disk.diskId);
}

/** The disk with its bytes; nothing when it is gone. */
export async function removeDisk(services: Services, diskId: string): Promise<void> {
  const row = await findArmResource(services.db.queries, diskId);
  if (!row) return;
  await removeDiskData(services, row);
  await deleteArmResource(services.db.queries, diskId);
}

/** Changes what is known of a machine besides what its host tells; of a machine described by hand that is little. */
export const editRecord = (
  services: Services,
  machine: MachineView,
  edit: (known: Omit<KnownMachine, 'id'>) => Omit<KnownMachine, 'id'>,
): Promise<void> =>
  services.db.transaction(async (tx) => {
    const known = (await findRecord(services, machine, tx)) ?? unrecorded(services, machine);
    await putRecord(services, tx, edit(known));
  });

const withDisks =
  (edit: (disks: readonly DiskRecord[]) => readonly DiskRecord[]) =>
  (known: Omit<KnownMachine, 'id'>): Omit<KnownMachine, 'id'> => ({
    ...known,
    record: { ...known.record, disks: edit(known.record.disks) },
  });

const unrecorded = ({ clock }: Services, machine: MachineView): Omit<KnownMachine, 'id'> => ({
  ...{ resourceGroup: machine.resourceGroup, name: machine.name, location: machine.location, tags: machine.tags },
  record: {
    ...{ state: 'Succeeded', deallocated: false, vmId: machine.vmId, createdAt: clock.now(), osType: machine.osType },
    ...{ disks: [], cards: [] },
  },
});

/** Errors: OperationNotAllowed for a machine whose host does not change machines. */
export function requireKeeperOf({ hosts }: Services, machine: MachineView) {
  const source = hosts.find(({ name }) => name === machine.host);
  if (source?.keeper) return { host: source.name, source, keeper: source.keeper };
  throw new CodedError(
    'OperationNotAllowed',
    `The machine '${machine.name}' is on host '${machine.host}', which does not change machines.`,
    { target: machine.name },
  );
}

function sizeChange(known: KnownMachine | undefined, machine: MachineView, wanted: string | null | undefined) {
  if (wanted == null || sameName(wanted, known?.record.vmSize ?? wanted)) return undefined;
  const size = requireSize(wanted);
  if (machine.powerState === 'stopped') return size;
  throw new CodedError('OperationNotAllowed', `The machine '${machine.name}' must be off to change its size.`, {
    target: 'properties.hardwareProfile.vmSize',
    recommendations: [`az vm deallocate -g ${machine.resourceGroup} -n ${machine.name}`],
  });
}

const recordOf = (
  known: KnownMachine | undefined,
  { lun, name }: { readonly lun: number; readonly name: string },
): DiskRecord =>
  known?.record.disks.find((disk) => disk.lun === lun) ?? { lun, name, createOption: 'Attach', deleteOption: 'Detach' };

const sameTags = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
