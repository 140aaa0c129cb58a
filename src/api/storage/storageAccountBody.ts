import { type Static, Type } from 'typebox';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { IGNORED } from '../body/resourceBody.ts';
import { type TrackedContent, type TrackedPut, trackedBody } from '../trackedType.ts';

const FLAG = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const WORD = Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()]));

export const STORAGE_ACCOUNT_BODY = trackedBody({
  sku: Type.Optional(
    Type.Object({ name: Type.String({ maxLength: 64 }), tier: WORD }, { additionalProperties: false }),
  ),
  kind: WORD,
  identity: IGNORED,
  extendedLocation: Type.Optional(Type.Null()),
  zones: IGNORED,
  properties: Type.Optional(
    Type.Intersect([
      Type.Object({
        accessTier: WORD,
        minimumTlsVersion: WORD,
        supportsHttpsTrafficOnly: FLAG,
        allowSharedKeyAccess: FLAG,
        allowBlobPublicAccess: FLAG,
        isHnsEnabled: FLAG,
        isNfsV3Enabled: FLAG,
        isSftpEnabled: FLAG,
        publicNetworkAccess: WORD,
        networkAcls: Type.Optional(
          Type.Union([
            Type.Null(),
            Type.Intersect([Type.Object({ defaultAction: WORD }), Type.Record(Type.String(), Type.Unknown())]),
          ]),
        ),
        encryption: Type.Optional(
          Type.Union([
            Type.Null(),
            Type.Intersect([Type.Object({ keySource: WORD }), Type.Record(Type.String(), Type.Unknown())]),
          ]),
        ),
      }),
      Type.Record(Type.String(), Type.Unknown()),
    ]),
  ),
});

type Body = Static<typeof STORAGE_ACCOUNT_BODY>;
type Properties = NonNullable<Body['properties']>;

const KINDS = ['StorageV2', 'BlobStorage', 'BlockBlobStorage', 'Storage'];

/** What is kept of a request. Errors: InvalidRequestContent for what this server could not hold to. */
export function storageAccountContent(put: TrackedPut<Body>, now: number): TrackedContent {
  const { body, before, location } = put;
  const asked = body.properties ?? {};
  refuseUnserved(asked);
  const kind = body.kind ?? (before?.other.kind as string | undefined) ?? 'StorageV2';
  if (!KINDS.includes(kind)) throw refused('kind', kind, KINDS.join(', '));
  const sku = body.sku?.name ?? (before?.other.sku as { name: string } | undefined)?.name ?? 'Standard_LRS';
  const keyCreationTime = before?.properties.keyCreationTime ?? { key1: isoTime(now), key2: isoTime(now) };
  return {
    other: { sku: { name: sku, tier: sku.startsWith('Premium') ? 'Premium' : 'Standard' }, kind },
    properties: {
      provisioningState: 'Succeeded',
      creationTime: isoTime(before?.createdAt ?? now),
      primaryLocation: location,
      statusOfPrimary: 'available',
      accessTier: asked.accessTier ?? 'Hot',
      minimumTlsVersion: 'TLS1_2',
      supportsHttpsTrafficOnly: true,
      allowBlobPublicAccess: false,
      allowSharedKeyAccess: asked.allowSharedKeyAccess ?? true,
      publicNetworkAccess: 'Enabled',
      networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow', ipRules: [], virtualNetworkRules: [] },
      keyCreationTime,
    },
  };
}

/** What would be believed to protect or to work, and would not. */
function refuseUnserved(asked: Properties): void {
  for (const name of ['isHnsEnabled', 'isNfsV3Enabled', 'isSftpEnabled'] as const)
    if (asked[name] === true) throw refused(`properties.${name}`, 'true', 'false');
  if (asked.networkAcls?.defaultAction?.toLowerCase() === 'deny')
    throw refused(
      'properties.networkAcls.defaultAction',
      'Deny',
      "'Allow'; the server's own address and firewall decide who reaches it",
    );
  if (asked.publicNetworkAccess?.toLowerCase() === 'disabled')
    throw refused('properties.publicNetworkAccess', 'Disabled', "'Enabled'");
  if (asked.encryption?.keySource?.toLowerCase() === 'microsoft.keyvault')
    throw refused(
      'properties.encryption.keySource',
      'Microsoft.Keyvault',
      "'Microsoft.Storage'; staged disks lie in clear on the server's disk",
    );
}

const refused = (field: string, value: string, legal: string): CodedError =>
  new CodedError('InvalidRequestContent', `${field} is '${value}'; legal here is ${legal}.`, { target: field });
