/** What people know from az and will type, but is not here: a command or a group, and why or what to use instead. */
const COMMANDS: Readonly<Record<string, string>> = {
  'protectable-item': "'strongroom vm list' shows the machines that can be protected",
  recoveryconfig: 'only virtual machines are protected, not what runs in them',
  login: "the client file says how to sign in; 'strongroom account show' tells who is signed in",
  logout: 'the client file says how to sign in',
  'account set': 'the client file names the subscription, or --subscription',
  'vm start': 'machines are started and stopped on their host',
  'vm stop': 'machines are started and stopped on their host',
  'vm deallocate': 'machines are started and stopped on their host',
  'vm create': 'a machine is a file below hosts/ of the data folder',
  'vm delete': 'a machine is a file below hosts/ of the data folder',
  'vault backup-properties': "'strongroom vault show' shows the settings, 'strongroom vault create' changes them",
  'vault update': "'strongroom vault create' changes a vault that exists",
  'vault identity': 'a vault needs no identity here',
  'vault encryption': 'every store is encrypted with the key of its own in keys/',
  'vault resource-guard-mapping': 'there are no resource guards',
  'vault list-soft-deleted-containers': "'strongroom item list' shows soft-deleted items as well",
  'protection auto-enable-for-azurewl': 'only virtual machines are protected',
  'protection auto-disable-for-azurewl': 'only virtual machines are protected',
  'protection enable-for-azurewl': 'only virtual machines are protected',
  'protection enable-for-azurefileshare': 'only virtual machines are protected',
  'protection update-for-vm': "the disks are chosen by 'strongroom protection enable-for-vm'",
  'protection reconfigure': 'only virtual machines are protected',
  'container register': "a machine is registered by 'strongroom protection enable-for-vm'",
  'container re-register': "a machine is registered by 'strongroom protection enable-for-vm'",
  'container unregister': 'a container goes when its item is gone',
  'recoverypoint move': 'there is no archive tier',
  'recoverypoint show-log-chain': 'only virtual machines are protected',
  'restore files': "restore the disks and open them: 'strongroom restore restore-disks'",
  'restore restore-azurefileshare': 'only virtual machines are protected',
  'restore restore-azurefiles': 'only virtual machines are protected',
  'restore restore-azurewl': 'only virtual machines are protected',
};

const NEW_PLACE_ONLY = 'disks are restored to a new place, with --target-folder or --image-host';
const NO_OTHER_REGION = 'there is one region and one tier';

const OPTIONS: Readonly<Record<string, string>> = {
  '--verbose': '--debug shows the requests and answers',
  '--use-secondary-region': NO_OTHER_REGION,
  '--target-zone': NO_OTHER_REGION,
  '--target-subscription-id': 'there is one subscription',
  '--tier': NO_OTHER_REGION,
  '--rehydration-duration': NO_OTHER_REGION,
  '--rehydration-priority': NO_OTHER_REGION,
  '--restore-mode': NEW_PLACE_ONLY,
  '--target-vm-name': NEW_PLACE_ONLY,
  '--target-vnet-name': NEW_PLACE_ONLY,
  '--target-vnet-resource-group': NEW_PLACE_ONLY,
  '--target-subnet-name': NEW_PLACE_ONLY,
  '--restore-only-osdisk': 'use --diskslist -1',
  '--restore-as-unmanaged-disks': NEW_PLACE_ONLY,
  '--disk-encryption-set-id': 'raw images are written',
  '--mi-system-assigned': 'a vault needs no identity here',
  '--mi-user-assigned': 'a vault needs no identity here',
  '--tenant-id': 'there are no resource guards',
  '--backup-type': 'every recovery point is complete, and only what is new is stored',
  '--enable-compression': 'stores are always compressed',
};

/** Commander's complaint in clearer words where az's own words were used. `path`: of the command that complains. */
export function clearer(complaint: string, path: readonly string[]): string {
  const [, kind, word = ''] = /^error: unknown (command|option) '([^'=]*)/.exec(complaint) ?? [];
  if (kind === undefined) return complaint;
  const name = kind === 'command' ? [...path, word].join(' ') : word;
  const table = kind === 'command' ? COMMANDS : OPTIONS;
  if (!Object.hasOwn(table, name)) return complaint;
  return `error: ${kind === 'option' ? 'option ' : ''}'${name}' is not here: ${table[name]}\n`;
}
