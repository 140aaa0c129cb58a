import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError, isSystemError } from '../../lib/error.ts';

/** Older ones can lose a committed transaction when a checkpoint resets the log. */
const OLDEST_SQLITE = '3.51.3';
const OPENING_TIMEOUT_MS = 10_000;
/** The pages that lists lead through, of a database of some GB; SQLite's own 2 MiB would be read anew for each. */
const CACHE_KIB = 65_536;
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
]);

/**
 * Opens the file for durable work: write-ahead log, every commit on the disk before it returns.
 * Errors: DatabasePlaceUnsuitable, DatabaseVersionUnknown, DatabaseDamaged.
 */
export const openSqlite = (path: string): DatabaseSync => {
  const inMemory = path === ':memory:';
  if (!inMemory) assertLocal(path);
  const stoppedUncleanly = !inMemory && hasLog(path);
  const connection = new DatabaseSync(path, { timeout: OPENING_TIMEOUT_MS });
  try {
    assertVersion(connection);
    connection.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -${CACHE_KIB};`);
    if (stoppedUncleanly) assertIntact(connection, path);
    connection.exec('pragma busy_timeout = 0'); // from here on the dialect waits, without stopping the thread
    return connection;
  } catch (error) {
    connection.close();
    throw isDamage(error) ? damaged(path, (error as Error).message) : error;
  }
};

/** The log is emptied and removed when the last connection closes; one left over tells of a crash. */
const hasLog = (path: string): boolean => {
  try {
    return statSync(`${path}-wal`).size > 0;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
};

const assertLocal = (path: string): void => {
  const network = NETWORK_FILE_SYSTEMS.get(statfsSync(dirname(path)).type);
  if (network === undefined) return;
  throw new CodedError(
    'DatabasePlaceUnsuitable',
    `The database ${path} lies on ${network}; its locks need a local file system.`,
    {
      target: path,
      recommendations: ['Place the data folder on a local disk, or use PostgreSQL.'],
    },
  );
};

const assertVersion = (connection: DatabaseSync): void => {
  const row = connection.prepare('select sqlite_version() as version').get() as { version: string };
  if (isOlder(row.version, OLDEST_SQLITE)) {
    throw new CodedError(
      'DatabaseVersionUnknown',
      `SQLite ${row.version} is too old: ${OLDEST_SQLITE} or newer is needed.`,
    );
  }
};

export const isOlder = (version: string, than: string): boolean => {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number)) as [number[], number[]];
  const at = b.findIndex((part, i) => part !== a[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
};

const assertIntact = (connection: DatabaseSync, path: string): void => {
  const rows = connection.prepare('pragma integrity_check(10)').all() as { integrity_check: string }[];
  const faults = rows.map((row) => row.integrity_check).filter((line) => line !== 'ok');
  if (faults.length > 0) throw damaged(path, faults.join('; '));
};

const isDamage = (error: unknown): boolean => error instanceof Error && /malformed|not a database/.test(error.message);

const damaged = (path: string, what: string): CodedError =>
  new CodedError('DatabaseDamaged', `The database ${path} is damaged: ${what}`, {
    target: path,
    recommendations: ['Restore the newest database snapshot, or rebuild the catalogue from the stores.'],
  });
