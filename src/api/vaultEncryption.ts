import { CodedError } from '../lib/error.ts';
import type { Vault, VaultEncryption } from '../vault/vault.ts';
import type { VaultEncryptionBody } from './body/vault.ts';
import type { Services } from './services.ts';

/** What a request asks of the encryption, whichever provider it came through. */
export interface AskedEncryption {
  readonly keyUri: string | undefined;
  readonly kekIdentity?: VaultEncryption['kekIdentity'] | undefined;
  readonly infrastructureEncryption?: string | undefined;
  /** The field that names the key, as the caller spells it. */
  readonly target: string;
}

/** What is to be done for it. */
export interface EncryptionChange {
  readonly encryption: VaultEncryption;
  /** The key itself has to change: a job does that. */
  readonly rotates: boolean;
}

/**
 * The encryption that a request asks for, if it can be had: the key that the operator has given to the vault, or has
 * made ready for it. Where a key comes from is never taken from a request. Errors: BMSUserErrorEncryptionSettingsInvalid.
 */
export async function encryptionChange(
  { vaultStores, clock }: Pick<Services, 'vaultStores' | 'clock'>,
  vault: Vault,
  asked: AskedEncryption,
  hasItems: boolean,
): Promise<EncryptionChange> {
  const { keyUri, target } = asked;
  if (asked.infrastructureEncryption === 'Enabled')
    throw refuse(
      'infrastructureEncryption',
      "The infrastructureEncryption must be 'Disabled': what is sealed once here is not sealed a second time.",
    );
  if (keyUri === undefined || keyUri === '')
    throw refuse(target, 'The key of a customer-managed encryption must be named: its uri.');
  const { present, next } = await vaultStores.keyNames(vault.id);
  if (hasItems && !vault.encryption && present.isServerMade)
    throw refuse(
      target,
      `Encryption with a key of your own must be set before the first item is registered with the vault; '${vault.name}' has items.`,
      ['Make another vault, and set its encryption first.'],
    );
  const kekIdentity = withoutEmpty(asked.kekIdentity) ?? vault.encryption?.kekIdentity;
  const encryption: VaultEncryption = { keyUri, ...(kekIdentity && { kekIdentity }), updatedAt: clock.now() };
  if (!present.isServerMade && present.keyUri === keyUri) return { encryption, rotates: false };
  if (next && next.keyUri === keyUri) return { encryption, rotates: true };
  const known = [...(present.isServerMade ? [] : [present.keyUri]), ...(next ? [next.keyUri] : [])];
  throw refuse(
    target,
    `The key '${keyUri.slice(0, 512)}' is not one that was given to the vault. Legal: ${known.map((name) => `'${name}'`).join(', ') || 'none as yet'}.`,
    [
      `On the server write keys/${vault.id}.kek.next.json with the source of the key and its "keyUri", then ask again; docs/keys.md.`,
      'Without a server: strongroom store change-key.',
    ],
  );
}

/** Errors: BMSUserErrorEncryptionSettingsInvalid: there is no way back. */
export async function refuseOwnKey({ vaultStores }: Services, vault: Vault, target: string): Promise<void> {
  const { present } = await vaultStores.keyNames(vault.id);
  if (!vault.encryption && present.isServerMade) return;
  throw refuse(
    target,
    "Once encryption with your own key has been enabled it is not possible to disable it; legal is 'CustomerManaged'.",
  );
}

export const askedOfVault = (body: VaultEncryptionBody): AskedEncryption => ({
  keyUri: body.keyVaultProperties?.keyUri,
  kekIdentity: withoutEmpty(body.kekIdentity),
  infrastructureEncryption: body.infrastructureEncryption,
  target: 'properties.encryption.keyVaultProperties.keyUri',
});

function withoutEmpty(
  sent: VaultEncryptionBody['kekIdentity'] | VaultEncryption['kekIdentity'],
): VaultEncryption['kekIdentity'] {
  if (!sent) return undefined;
  const { useSystemAssignedIdentity, userAssignedIdentity } = sent;
  return {
    ...(useSystemAssignedIdentity === undefined ? {} : { useSystemAssignedIdentity }),
    ...(userAssignedIdentity ? { userAssignedIdentity } : {}),
  };
}

const refuse = (target: string, message: string, recommendations: readonly string[] = []): CodedError =>
  new CodedError('BMSUserErrorEncryptionSettingsInvalid', message, { target, recommendations });
