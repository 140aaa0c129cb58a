import { isAbsolute, join } from 'node:path';
import type { RestoreTarget } from '../jobs/restoreTarget.ts';
import { CodedError } from '../lib/error.ts';

/** The part of a restore request that says what is wanted, and where. */
export interface RestoreRequest {
  readonly targetResourceGroupId?: string | null | undefined;
  readonly restoreDiskLunList?: readonly number[] | null | undefined;
  readonly strongroom?: StrongroomTarget | undefined;
}

export interface StrongroomTarget {
  /** Relative to the server's restore folder: 'monday/web01'. */
  readonly targetFolder?: string | undefined;
  readonly imageHost?: string | undefined;
  readonly machineName?: string | undefined;
}

export interface RestoreLimits {
  readonly restoreRoot: string;
  /** Names of the hosts that can take a restored machine. */
  readonly imageHosts: readonly string[];
  /** Where the machine goes when the request names no group. */
  readonly resourceGroup: string;
  /** LUNs of the recovery point's disks. */
  readonly luns: readonly number[];
}

const POSSIBLE =
  "set 'properties.recoveryType' to 'RestoreDisks' and 'properties.strongroom' to {targetFolder} or to {imageHost, machineName}";

const MACHINE_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const UNSAFE_SEGMENT = /[\u0000-\u001f\u007f\\:*?"<>|]/;

/** A place of this server. Errors: RestoreTargetInvalid; it names the field and what it may be. */
export function restoreTarget(request: RestoreRequest, limits: RestoreLimits): RestoreTarget {
  const wanted = request.strongroom ?? {};
  const luns = checkLuns(request.restoreDiskLunList ?? undefined, limits.luns);
  const machineFields = wanted.imageHost !== undefined || wanted.machineName !== undefined;
  if ((wanted.targetFolder !== undefined) === machineFields) {
    throw new CodedError('RestoreTargetInvalid', `Name one target: ${POSSIBLE}.`, { target: 'properties.strongroom' });
  }
  if (wanted.targetFolder !== undefined) {
    return { kind: 'folder', folder: folderBelow(limits.restoreRoot, wanted.targetFolder), ...luns };
  }
  return {
    kind: 'machine',
    host: checkHost(wanted.imageHost, limits.imageHosts),
    resourceGroup: groupOf(request.targetResourceGroupId) ?? limits.resourceGroup,
    machineName: checkMachineName(wanted.machineName),
    ...luns,
  };
}

function folderBelow(root: string, folder: string): string {
  const fault = folderFault(folder);
  if (fault) {
    throw new CodedError(
      'RestoreTargetInvalid',
      `targetFolder ${fault}; legal is a relative path below the server's restore folder, such as 'monday/web01', of at most 1024 characters.`,
      { target: 'properties.strongroom.targetFolder' },
    );
  }
  return join(root, ...folder.split('/').filter((segment) => segment !== ''));
}

function folderFault(folder: string): string | undefined {
  if (folder.trim() === '') return 'is empty';
  if (folder.length > 1024) return 'is too long';
  if (isAbsolute(folder)) return 'is an absolute path';
  for (const segment of folder.split('/')) {
    if (segment === '.' || segment === '..') return `contains the segment '${segment}'`;
    if (UNSAFE_SEGMENT.test(segment)) return 'contains a character that file names may not have';
    if (segment !== segment.trim() || segment.endsWith('.'))
      return `contains the segment '${segment}', which begins or ends with a blank or ends with a dot`;
    if (Buffer.byteLength(segment) > 255) return 'contains a name of more than 255 bytes';
  }
  return undefined;
}

function checkHost(name: string | undefined, imageHosts: readonly string[]): string {
  const known = imageHosts.find((host) => host.toLowerCase() === name?.toLowerCase());
  if (known !== undefined) return known;
  const legal = imageHosts.length === 0 ? 'no image host is configured' : `legal are ${quoted(imageHosts)}`;
  throw new CodedError('RestoreTargetInvalid', `imageHost is '${name ?? ''}'; ${legal}.`, {
    target: 'properties.strongroom.imageHost',
  });
}

function checkMachineName(name: string | undefined): string {
  if (name !== undefined && MACHINE_NAME.test(name)) return name;
  throw new CodedError(
    'RestoreTargetInvalid',
    `machineName is '${name ?? ''}'; legal are 1 to 64 letters, digits, '_', '.' and '-', the first and the last a letter, digit or '_'.`,
    { target: 'properties.strongroom.machineName' },
  );
}

/** None: all disks; an empty list: the OS disk alone, as Azure's clients mean it. Errors: RestoreTargetInvalid. */
export function checkLuns(
  wanted: readonly number[] | undefined,
  luns: readonly number[],
): { luns?: readonly number[] } {
  if (!wanted) return {};
  if (wanted.length === 0) return { luns: [-1] };
  const unknown = wanted.filter((lun) => !luns.includes(lun));
  if (unknown.length === 0) return { luns: [...new Set(wanted)] };
  throw new CodedError(
    'RestoreTargetInvalid',
    `restoreDiskLunList names ${unknown.join(', ')}; the recovery point has the disks ${luns.join(', ')} (-1 is the OS disk).`,
    { target: 'properties.restoreDiskLunList' },
  );
}

const groupOf = (id: string | null | undefined): string | undefined =>
  /\/resourceGroups\/([^/]+)\/?$/i.exec(id ?? '')?.[1];

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');
