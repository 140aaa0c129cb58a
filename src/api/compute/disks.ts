import { type Static, Type } from 'typebox';
import type { ArmContext, Route, RouteTable } from '../../arm/route.ts';
import { type ArmResource, findArmResource, putArmResource } from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import type { KeptDisk } from '../machineKeeper.ts';
import type { MachineSource } from '../machineSource.ts';
import type { Services } from '../services.ts';
import { groupOfPath, trackedId } from '../trackedPut.ts';
import { trackedResource } from '../trackedResource.ts';
import { type TrackedPut, trackedBody } from '../trackedType.ts';
import { importedFile } from './importDisk.ts';
import { acceptWork } from './operations.ts';

export const DISK_TYPE = 'Microsoft.Compute/disks';
const GIB = 2 ** 30;
export const MAX_DISK_GIB = 32_767;

const ANY = Type.Unknown();
const OPTIONAL = Type.Optional(ANY);
const BODY = trackedBody({
  sku: OPTIONAL,
  zones: Type.Optional(Type.Union([Type.Array(Type.String(), { maxItems: 0 }), Type.Null()])),
  extendedLocation: Type.Optional(Type.Null()),
  managedBy: OPTIONAL,
  managedByExtended: OPTIONAL,
  properties: Type.Intersect([
    Type.Object({
      creationData: Type.Intersect([Type.Object({ createOption: Type.String() }), Type.Record(Type.String(), ANY)]),
      diskSizeGB: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: MAX_DISK_GIB }), Type.Null()])),
      osType: Type.Optional(Type.Union([Type.Enum(['Linux', 'Windows']), Type.Null()])),
    }),
    Type.Record(Type.String(), ANY),
  ]),
});

/** Disk images of the hosts that make machines. */
export const disks = (services: Services): RouteTable => {
  const table = diskTable(services);
  return { ...table, routes: table.routes.map((one) => (one.method === 'PUT' ? withLongImport(services, one) : one)) };
};

/** A copy of a VHD may take longer than a request: it goes on as an operation. */
const withLongImport = (services: Services, put: Route): Route => ({
  ...put,
  answers: ['200', '202 + Azure-AsyncOperation'],
  async handler(context) {
    const body = context.body as Static<typeof BODY>;
    const { creationData } = body.properties;
    const group = await groupOfPath(services, context);
    const id = trackedId(services, DISK_TYPE, group.name, context.params.name ?? '');
    const isImport = creationData.createOption.toLowerCase() === 'import';
    if (!isImport || (await findArmResource(services.db.queries, id))) return put.handler(context);
    await importedFile(services, context, { ...creationData });
    const work = async (signal: AbortSignal): Promise<void> => void (await put.handler({ ...context, signal }));
    const shown = { id, name: context.params.name, type: DISK_TYPE, location: body.location };
    const properties = { ...body.properties, provisioningState: 'Updating' };
    return acceptWork(services, context, id, work, { body: { ...shown, tags: body.tags ?? {}, properties } });
  },
});

const diskTable = (services: Services): RouteTable => {
  // made before the transaction that stores its row, by request
  const made = new WeakMap<ArmContext, { readonly host: string; readonly disk: KeptDisk }>();
  return trackedResource(services, {
    type: DISK_TYPE,
    one: 'a disk',
    many: 'disks',
    apiVersions: COMPUTE_VERSIONS,
    body: BODY,
    createdStatus: 200,
    patch: 'properties',
    nameRule: { pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/, rule: "1 to 80 letters, digits, '_', '.' and '-'" },
    async beforePut({ before, body, name, group, context }) {
      const { creationData, diskSizeGB } = body.properties;
      if (before) return requireSameSize(before, diskSizeGB);
      const option = creationData.createOption.toLowerCase();
      if (option !== 'empty' && option !== 'import') throw otherOrigin(creationData.createOption);
      if (option === 'empty' && diskSizeGB == null) throw needsSize();
      const { host, keeper } = requireKeeper(services);
      const from = option === 'import' ? await importedFile(services, context, { ...creationData }) : undefined;
      const size = diskSizeGB == null ? {} : { sizeBytes: diskSizeGB * GIB };
      const request = { resourceGroup: group.name, name, ...size, ...(from ? { from } : {}) };
      made.set(context, { host, disk: await keeper.makeDisk(request, context.signal) });
    },
    complete(put) {
      const { before, context } = put;
      const fresh = made.get(context);
      if (before || !fresh) return { ...kept(put), ...(before?.secret ? { secret: before.secret } : {}) };
      const { creationData, osType } = put.body.properties;
      const createOption = creationData.createOption.toLowerCase() === 'import' ? 'Import' : 'Empty';
      return diskContent(services, { ...fresh, createOption, ...(osType ? { osType } : {}) });
    },
    async beforeDelete(disk) {
      const user = disk.other.managedBy as string | undefined;
      if (user !== undefined)
        throw new CodedError('OperationNotAllowed', `Disk ${disk.name} is attached to VM ${user}.`, {
          target: disk.id,
        });
      await removeDiskData(services, disk);
    },
  });
};

/** Images that were being made when the server ended, by the machines or disks they were for. */
export async function removeUnfinishedDisks(
  queries: Queries,
  hosts: Services['hosts'],
  disks: Parameters<NonNullable<MachineSource['keeper']>['removeUnfinished']>[0],
): Promise<void> {
  if (disks.length === 0) return;
  const rows = await allDisks(queries);
  const kept = rows.map((row) => keptDiskOf(row).path);
  for (const { keeper } of hosts) await keeper?.removeUnfinished(disks, kept);
}

const allDisks = async (queries: Queries): Promise<readonly ArmResource[]> => {
  const rows = await queries
    .selectFrom('arm_resources')
    .select('body')
    .where('type_key', '=', DISK_TYPE.toLowerCase())
    .execute();
  return rows.map(({ body }) => JSON.parse(body) as ArmResource);
};

/** Stores the row of a disk that a machine was made with. */
export async function putDisk(
  services: Services,
  tx: Queries,
  disk: {
    readonly resourceGroup: string;
    readonly name: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly location: string;
    readonly host: string;
    readonly disk: KeptDisk;
    readonly createOption: 'Empty' | 'FromImage' | 'Import';
    readonly managedBy: string;
    readonly osType?: 'Linux' | 'Windows';
  },
): Promise<ArmResource> {
  const now = services.clock.now();
  const { properties, other, secret } = diskContent(services, disk);
  const resource: ArmResource = {
    ...{ id: trackedId(services, DISK_TYPE, disk.resourceGroup, disk.name), type: DISK_TYPE },
    ...{ subscriptionId: services.config.subscriptionId, resourceGroup: disk.resourceGroup, name: disk.name },
    ...{ location: disk.location, tags: disk.tags, properties, other, secret },
    ...{ createdAt: now, updatedAt: now },
  };
  await putArmResource(tx, resource);
  return resource;
}

/** Who has a disk now; undefined: nobody. */
export async function setManagedBy(services: Services, tx: Queries, diskId: string, owner?: string): Promise<void> {
  const disk = await findArmResource(tx, diskId);
  if (!disk) return;
  const { managedBy: _before, ...other } = disk.other;
  const properties = { ...disk.properties, diskState: owner === undefined ? 'Unattached' : 'Attached' };
  const after = { ...disk, properties, other: owner === undefined ? other : { ...other, managedBy: owner } };
  await putArmResource(tx, { ...after, updatedAt: services.clock.now() });
}

/** Where the bytes of a disk lie, for its host. */
export const keptDiskOf = (disk: ArmResource): KeptDisk => ({
  path: disk.secret?.path ?? '',
  format: (disk.secret?.format ?? 'raw') as KeptDisk['format'],
  sizeBytes: Number(disk.properties.diskSizeBytes),
});

export async function removeDiskData(services: Services, disk: ArmResource): Promise<void> {
  const host = services.hosts.find(({ name }) => name === disk.secret?.host);
  await host?.keeper?.removeDisk(keptDiskOf(disk));
}

/** The host that makes machines. Errors: OperationNotAllowed. */
export function requireKeeper({ hosts }: Pick<Services, 'hosts'>): {
  readonly host: string;
  readonly source: MachineSource;
  readonly keeper: NonNullable<MachineSource['keeper']>;
} {
  for (const source of hosts) if (source.keeper) return { host: source.name, source, keeper: source.keeper };
  throw new CodedError('OperationNotAllowed', 'None of the hosts of this server makes machines or disks.');
}

function diskContent(
  { clock }: Services,
  what: {
    readonly host: string;
    readonly disk: KeptDisk;
    readonly createOption: 'Empty' | 'FromImage' | 'Import';
    readonly managedBy?: string;
    readonly osType?: 'Linux' | 'Windows';
  },
) {
  const { host, disk, createOption, managedBy, osType } = what;
  return {
    properties: {
      ...(osType === undefined ? {} : { osType, hyperVGeneration: 'V1' }),
      creationData: { createOption },
      diskSizeGB: Math.ceil(disk.sizeBytes / GIB),
      diskSizeBytes: disk.sizeBytes,
      uniqueId: crypto.randomUUID(),
      timeCreated: isoTime(clock.now()),
      diskState: managedBy === undefined ? 'Unattached' : 'Attached',
      provisioningState: 'Succeeded',
      networkAccessPolicy: 'DenyAll',
      publicNetworkAccess: 'Disabled',
    },
    other: {
      sku: { name: 'Standard_LRS', tier: 'Standard' },
      ...(managedBy === undefined ? {} : { managedBy }),
    },
    secret: { host, path: disk.path, format: disk.format },
  };
}

/** A change of a disk that is there keeps what it is made of. */
const kept = ({ before }: TrackedPut<unknown>) => ({
  properties: before?.properties ?? {},
  other: before?.other ?? {},
});

function requireSameSize(before: ArmResource, diskSizeGB: number | null | undefined): void {
  if (diskSizeGB == null || diskSizeGB === before.properties.diskSizeGB) return;
  throw new CodedError(
    'PropertyChangeNotAllowed',
    `Changing property 'diskSizeGB' is not allowed: disk ${before.name} has ${String(before.properties.diskSizeGB)} GiB, and disks are not resized here.`,
    { target: 'properties.diskSizeGB' },
  );
}

const otherOrigin = (option: string): CodedError =>
  new CodedError(
    'InvalidParameter',
    `'properties.creationData.createOption' is '${option.slice(0, 32)}'; disks are made empty here ('Empty'), of a VHD in a storage account ('Import'), or with a machine from an image.`,
    {
      target: 'properties.creationData.createOption',
      recommendations: ['Copies of disks and uploads to them are not made.'],
    },
  );

const needsSize = (): CodedError =>
  new CodedError('InvalidParameter', "'properties.diskSizeGB' is required for an empty disk.", {
    target: 'properties.diskSizeGB',
  });
