import { CodedError } from '../../lib/error.ts';
import { passwordHash } from '../../lib/passwordHash.ts';

/** The part of a machine's osProfile that its guest is told of. */
export interface OsProfile {
  readonly computerName?: string | null;
  readonly adminUsername?: string | null;
  readonly adminPassword?: string | null;
  readonly customData?: string | null;
  readonly linuxConfiguration?: {
    readonly disablePasswordAuthentication?: boolean | null;
    readonly ssh?: { readonly publicKeys?: readonly { readonly keyData?: string | null }[] | null } | null;
  } | null;
}

const USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const COMPUTER = /^(?!-)[A-Za-z0-9-]{1,64}$/;
const KEY = /^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [^\r\n]*)?$/;
const MAX_CUSTOM_DATA_CHARS = 87_380;

/** Errors: InvalidParameter naming the field. */
export function checkOsProfile(profile: OsProfile): void {
  const { computerName, adminUsername, adminPassword, customData } = profile;
  if (computerName != null && !COMPUTER.test(computerName))
    throw invalid('computerName', "must be 1 to 64 letters, digits and '-', not beginning with '-'");
  if (adminUsername != null && !USER.test(adminUsername))
    throw invalid('adminUsername', "must be 1 to 32 small letters, digits, '_' and '-', not beginning with a digit");
  if (adminPassword != null && !isStrong(adminPassword))
    throw invalid('adminPassword', 'must have 12 to 72 characters, three of small letter, capital, digit and other');
  if (customData != null && (customData.length > MAX_CUSTOM_DATA_CHARS || !/^[A-Za-z0-9+/\s]*=*\s*$/.test(customData)))
    throw invalid('customData', 'must be Base64 of at most 65535 bytes');
  for (const key of keysOf(profile))
    if (!KEY.test(key))
      throw invalid('linuxConfiguration.ssh.publicKeys', 'must hold OpenSSH public keys, one line each');
}

/**
 * What cloud-init reads at the first boot (NoCloud): custom data as it was given, and our part as vendor data, so that
 * the one does not overwrite the other. Of a password there is only the hash.
 */
export async function seedFiles(name: string, vmId: string, profile: OsProfile): Promise<Record<string, string>> {
  const host = profile.computerName ?? name;
  const { adminUsername, adminPassword, customData } = profile;
  const byPassword = adminPassword != null && profile.linuxConfiguration?.disablePasswordAuthentication !== true;
  const user = {
    name: adminUsername,
    groups: 'sudo',
    shell: '/bin/bash',
    sudo: 'ALL=(ALL) NOPASSWD:ALL',
    ssh_authorized_keys: keysOf(profile),
    lock_passwd: !byPassword,
    ...(byPassword ? { passwd: await passwordHash(adminPassword) } : {}),
  };
  const config = {
    hostname: host,
    ssh_pwauth: byPassword,
    ...(adminUsername == null ? {} : { users: [user] }),
  };
  const given = customData == null ? '' : Buffer.from(customData, 'base64').toString('utf8');
  return {
    'meta-data': `${JSON.stringify({ 'instance-id': vmId, 'local-hostname': host })}\n`,
    // JSON is YAML
    'vendor-data': `#cloud-config\n${JSON.stringify(config, undefined, 2)}\n`,
    'user-data': given === '' ? '#cloud-config\n{}\n' : given,
  };
}

const keysOf = ({ linuxConfiguration }: OsProfile): readonly string[] =>
  (linuxConfiguration?.ssh?.publicKeys ?? []).map(({ keyData }) => (keyData ?? '').trim()).filter((key) => key !== '');

function isStrong(password: string): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  return password.length >= 12 && password.length <= 72 && kinds >= 3 && !/[\r\n\0]/.test(password);
}

const invalid = (field: string, rule: string): CodedError =>
  new CodedError('InvalidParameter', `'properties.osProfile.${field}' ${rule}.`, {
    target: `properties.osProfile.${field}`,
  });
