import {
  type ArmResource,
  deleteArmResource,
  findArmResource,
  listArmResources,
  putArmResource,
} from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { Services } from '../services.ts';

export const MACHINE_TYPE = 'Microsoft.Compute/virtualMachines';

export interface DiskRecord {
  readonly lun: number;
  readonly name: string;
  /** Absent: a disk that is no resource, of a machine that was described by hand. */
  readonly diskId?: string;
  readonly createOption: 'Empty' | 'FromImage' | 'Attach';
  readonly caching?: string;
  readonly deleteOption: 'Delete' | 'Detach';
}

/** What the compute provider knows of a machine besides what its host tells. */
export interface MachineRecord {
  /** 'Creating': the host does not have it yet. */
  readonly state: 'Creating' | 'Succeeded';
  /** 'deallocated' by its owner, not merely switched off; counts while the machine is off. */
  readonly deallocated: boolean;
  readonly vmId: string;
  readonly createdAt: number;
  readonly vmSize?: string;
  readonly osType: 'Linux' | 'Windows';
  readonly disks: readonly DiskRecord[];
  readonly cards: readonly {
    readonly id: string;
    readonly primary: boolean;
    readonly deleteOption: 'Delete' | 'Detach';
  }[];
  readonly imageReference?: Readonly<Record<string, unknown>>;
  /** Without its secrets. */
  readonly osProfile?: Readonly<Record<string, unknown>>;
  readonly identity?: Readonly<Record<string, unknown>>;
  readonly diagnosticsProfile?: Readonly<Record<string, unknown>>;
}

/** A record with the names that it goes by. */
export interface KnownMachine {
  readonly id: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly record: MachineRecord;
}

interface Ref {
  readonly resourceGroup: string;
  readonly name: string;
}

export async function findRecord(services: Services, ref: Ref, queries: Queries = services.db.queries) {
  const id = machineArmId(services.config.subscriptionId, ref.resourceGroup, ref.name);
  const row = await findArmResource(queries, id);
  return row && knownOf(row);
}

/** By `recordKey`. */
export async function listRecords(
  services: Services,
  resourceGroup?: string,
): Promise<ReadonlyMap<string, KnownMachine>> {
  const rows = await listArmResources(services.db.queries, {
    subscriptionId: services.config.subscriptionId,
    type: MACHINE_TYPE,
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
  });
  return new Map(rows.map(knownOf).map((known) => [recordKey(known), known]));
}

export const recordKey = (ref: Ref): string => `${ref.resourceGroup}/${ref.name}`.toLowerCase();

export async function putRecord(
  { config, clock }: Services,
  queries: Queries,
  known: Omit<KnownMachine, 'id'>,
): Promise<KnownMachine> {
  const { resourceGroup, name, location, tags, record } = known;
  const id = machineArmId(config.subscriptionId, resourceGroup, name);
  await putArmResource(queries, {
    ...{ id, type: MACHINE_TYPE, subscriptionId: config.subscriptionId, resourceGroup, name, location, tags },
    properties: { ...record },
    other: {},
    createdAt: record.createdAt,
    updatedAt: clock.now(),
  });
  return { ...known, id };
}

/** Forgets machines that a process which ended had begun to make; the disks they were to have. */
export async function forgetUnfinishedMachines(queries: Queries): Promise<readonly Ref[]> {
  const disks: Ref[] = [];
  const rows = await queries
    .selectFrom('arm_resources')
    .select('body')
    .where('type_key', '=', MACHINE_TYPE.toLowerCase())
    .execute();
  for (const { body } of rows) {
    const row = JSON.parse(body) as ArmResource;
    const { resourceGroup, record } = knownOf(row);
    if (record.state !== 'Creating') continue;
    for (const { name, createOption } of record.disks)
      if (createOption !== 'Attach') disks.push({ resourceGroup, name });
    await deleteArmResource(queries, row.id);
  }
  return disks;
}

const knownOf = ({ id, resourceGroup, name, location = '', tags, properties }: ArmResource): KnownMachine => ({
  ...{ id, resourceGroup, name, location, tags },
  record: properties as unknown as MachineRecord,
});
