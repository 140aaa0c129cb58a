import { type Static, type TSchema, Type } from 'typebox';
import { CodedError } from '../../lib/error.ts';
import { trackedBody } from '../trackedType.ts';
import { MAX_DISK_GIB } from './disks.ts';

const ANY = Type.Optional(Type.Unknown());
const maybe = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));
const TEXT = maybe(Type.String({ maxLength: 4096 }));
const CREATE = Type.String({ maxLength: 32 });
const SIZE_GIB = maybe(Type.Integer({ minimum: 1, maximum: MAX_DISK_GIB }));
const MANAGED = maybe(Type.Object({ id: TEXT }));

const OS_DISK = Type.Object({
  name: TEXT,
  createOption: CREATE,
  osType: maybe(Type.Enum(['Linux', 'Windows'])),
  diskSizeGB: SIZE_GIB,
  caching: TEXT,
  deleteOption: TEXT,
  managedDisk: MANAGED,
  vhd: maybe(Type.Unknown()),
});
const DATA_DISK = Type.Object({
  lun: Type.Integer({ minimum: 0, maximum: 63 }),
  name: TEXT,
  createOption: CREATE,
  diskSizeGB: SIZE_GIB,
  caching: TEXT,
  deleteOption: TEXT,
  managedDisk: MANAGED,
  toBeDetached: maybe(Type.Boolean()),
});
const IMAGE = Type.Object({ id: TEXT, publisher: TEXT, offer: TEXT, sku: TEXT, version: TEXT });
const CARD = Type.Object({
  id: Type.String({ maxLength: 1024 }),
  properties: maybe(Type.Object({ primary: maybe(Type.Boolean()), deleteOption: TEXT })),
});
const OS_PROFILE = Type.Object({
  computerName: TEXT,
  adminUsername: TEXT,
  adminPassword: TEXT,
  customData: maybe(Type.String({ maxLength: 100_000 })),
  linuxConfiguration: maybe(
    Type.Object({
      disablePasswordAuthentication: maybe(Type.Boolean()),
      ssh: maybe(
        Type.Object({
          publicKeys: maybe(Type.Array(Type.Object({ keyData: maybe(Type.String({ maxLength: 16_384 })) }))),
        }),
      ),
    }),
  ),
});

const PROPERTIES = Type.Object({
  hardwareProfile: maybe(Type.Object({ vmSize: TEXT })),
  storageProfile: maybe(
    Type.Object({
      imageReference: maybe(IMAGE),
      osDisk: maybe(OS_DISK),
      dataDisks: maybe(Type.Array(DATA_DISK, { maxItems: 64 })),
    }),
  ),
  networkProfile: maybe(Type.Object({ networkInterfaces: maybe(Type.Array(CARD, { maxItems: 8 })) })),
  osProfile: maybe(OS_PROFILE),
  securityProfile: maybe(Type.Object({ securityType: TEXT, encryptionAtHost: maybe(Type.Boolean()) })),
  priority: TEXT,
  diagnosticsProfile: ANY,
});

/** PUT of a machine, as templates and `az vm disk attach` send it: what is not named here is let in and left alone. */
export const MACHINE_PUT = trackedBody({
  properties: PROPERTIES,
  identity: maybe(Type.Object({ type: TEXT, userAssignedIdentities: ANY })),
  zones: maybe(Type.Array(Type.String())),
  plan: ANY,
  resources: ANY,
  extendedLocation: ANY,
  managedBy: ANY,
});
export const MACHINE_PATCH = Type.Object({
  tags: maybe(Type.Record(Type.String(), Type.String())),
  properties: maybe(PROPERTIES),
  identity: ANY,
});

export type MachinePut = Static<typeof MACHINE_PUT>;
export type MachineProperties = Static<typeof PROPERTIES>;
export type DataDiskBody = Static<typeof DATA_DISK>;

/** Features of Azure's that a host here does not have, by the field that asks for them. */
const UNSERVED = ['availabilitySet', 'virtualMachineScaleSet', 'proximityPlacementGroup', 'host', 'hostGroup'] as const;

/** Errors: InvalidParameter naming the field and what is possible. */
export function refuseUnserved(body: MachinePut): void {
  const properties = body.properties as MachineProperties & Readonly<Record<string, unknown>>;
  for (const field of UNSERVED) if (properties[field] != null) throw refused(field, 'machines stand alone here');
  if ((body.zones ?? []).length > 0) throw refused('zones', 'there is one zone');
  if (body.extendedLocation != null) throw refused('extendedLocation', 'there are no edge zones');
  if (body.plan != null) throw refused('plan', 'images here have no purchase plan');
  const { priority, securityProfile } = properties;
  if (priority != null && priority !== '' && priority.toLowerCase() !== 'regular')
    throw refused('properties.priority', "only 'Regular' is legal");
  const { securityType, encryptionAtHost } = securityProfile ?? {};
  if (securityType != null && securityType.toLowerCase() !== 'standard')
    throw refused(
      'properties.securityProfile.securityType',
      "only 'Standard' is legal: az vm create --security-type Standard",
    );
  if (encryptionAtHost === true) throw refused('properties.securityProfile.encryptionAtHost', 'only false is legal');
}

const refused = (field: string, why: string): CodedError =>
  new CodedError('InvalidParameter', `'${field}' asks for what this server does not have: ${why}.`, { target: field });
