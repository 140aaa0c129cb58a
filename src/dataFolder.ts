import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from './lib/error.ts';
import { claimFile } from './lib/exclusiveFile.ts';
import { REBUILD_FILE } from './store/rebuild.ts';

/** Where everything of one server lies; every path is below the data folder. */
export interface DataFolder extends Disposable {
  readonly path: string;
  readonly database: string;
  readonly tls: string;
  readonly identity: string;
  /** One store a vault. */
  readonly stores: string;
  /** Key-encryption keys, one file a vault. */
  readonly keys: string;
  /** May be lost. */
  readonly cache: string;
  /** Restores to a folder go below it. */
  readonly restores: string;
  /** A folder of machine descriptions a host, and the hosts' own state. */
  readonly hosts: string;
  readonly hostState: string;
  /** Images that machines are made from. */
  readonly images: string;
  /** Blobs of the storage accounts. */
  readonly storage: string;
  readonly client: string;
  /** Heads of the audit chain, a line each. */
  readonly auditHeads: string;
  /** What `strongroom store rebuild` leaves for the next start. */
  readonly rebuild: string;
}

/**
 * Opens the data folder for this process alone; the claim ends with the process, however it ends.
 * Errors: Conflict (another server has it).
 */
export function openDataFolder(path: string): DataFolder {
  const at = (name: string) => join(path, name);
  for (const folder of ['', 'tls', 'identity', 'stores', 'keys', 'cache', 'restores', 'hosts', 'host-state', 'images'])
    mkdirSync(at(folder), { recursive: true, mode: 0o700 });
  const claim = claimExclusively(at('server.lock'), path);
  return {
    path,
    database: at('strongroom.sqlite'),
    tls: at('tls'),
    identity: at('identity'),
    stores: at('stores'),
    keys: at('keys'),
    cache: at('cache'),
    restores: at('restores'),
    hosts: at('hosts'),
    hostState: at('host-state'),
    images: at('images'),
    storage: at('storage'),
    client: at('client.json'),
    auditHeads: at('audit-heads.jsonl'),
    rebuild: at(REBUILD_FILE),
    [Symbol.dispose]: () => claim[Symbol.dispose](),
  };
}

/** Errors: Conflict. */
function claimExclusively(file: string, folder: string): Disposable {
  const claim = claimFile(file);
  if (claim) return claim;
  throw new CodedError('Conflict', `Another Strongroom server has the data folder ${folder} open.`, {
    target: 'STRONGROOM_DATA',
    recommendations: ['Stop it first, or give this one a data folder of its own with STRONGROOM_DATA.'],
  });
}
