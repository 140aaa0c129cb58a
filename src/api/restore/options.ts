import { CodedError } from '../../lib/error.ts';
import type { Vault } from '../../vault/vault.ts';
import type { RestoreProperties } from '../body/restoreRequest.ts';
import { normalLocation } from '../locations.ts';
import type { RestoreAsked } from './asked.ts';

/**
 * What a request may ask for besides place and disks: nothing is taken that would then not be so.
 * Errors: BadRequest, UserErrorStagingAccountInvalid (region).
 */
export function checkOptions({ request, regions, vault }: RestoreAsked): void {
  const wanted = normalLocation(request.region ?? regions[0] ?? '');
  if (!regions.some((region) => normalLocation(region) === wanted))
    throw new CodedError(
      'BadRequest',
      `region is '${request.region}'; the machine can be restored in ${regions.map((one) => `'${one}'`).join(' or ')}.`,
      { target: 'properties.region' },
    );
  for (const [field, isAsked, why] of refusals(request))
    if (isAsked) throw new CodedError('BadRequest', `${field}: ${why}`, { target: `properties.${field}` });
  checkIdentity(request.identityInfo, vault);
}

const refusals = (request: RestoreProperties): readonly (readonly [string, boolean, string])[] => {
  const network = request.targetDiskNetworkAccessSettings?.targetDiskNetworkAccessOption;
  return [
    [
      'objectType',
      request.objectType === 'IaasVMRestoreWithRehydrationRequest',
      "the recovery point is not in an archive tier, so nothing is rehydrated; send 'IaasVMRestoreRequest'.",
    ],
    [
      'originalStorageAccountOption',
      request.originalStorageAccountOption === true,
      'the machine has managed disks, so there are no original storage accounts; leave it out or false.',
    ],
    [
      'encryptionDetails',
      request.encryptionDetails?.encryptionEnabled === true,
      'the disks of the recovery point are not encrypted by the guest; leave it out.',
    ],
    [
      'diskEncryptionSetId',
      isGiven(request.diskEncryptionSetId),
      'there are no disk encryption sets here; leave it out.',
    ],
    ['securedVMDetails', isGiven(request.securedVMDetails), 'confidential machines are not served; leave it out.'],
    ['extendedLocation', isGiven(request.extendedLocation), 'there are no edge zones here; leave it out.'],
    ['zones', (request.zones ?? []).length > 0, 'there are no availability zones for machines here; leave it out.'],
    [
      'targetDiskNetworkAccessSettings',
      network === 'EnablePrivateAccessForAllDisks',
      "disks have no network access of their own here; legal is 'SameAsOnSourceDisks'.",
    ],
  ];
};

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

/** A restore never acts as the vault's identity here, so one that the vault has changes nothing. */
function checkIdentity(info: RestoreProperties['identityInfo'], vault: Vault): void {
  if (info == null) return;
  const kinds = String(vault.identity?.type ?? '').toLowerCase();
  const named = info.managedIdentityResourceId;
  const known = Object.keys((vault.identity?.userAssignedIdentities as object | undefined) ?? {});
  const has =
    info.isSystemAssignedIdentity === true
      ? kinds.includes('systemassigned')
      : named == null || known.some((id) => id.toLowerCase() === String(named).toLowerCase());
  if (has) return;
  throw new CodedError('BadRequest', `identityInfo names an identity that the vault '${vault.name}' does not have.`, {
    target: 'properties.identityInfo',
    recommendations: ['Assign the identity to the vault first, or leave identityInfo out.'],
  });
}
