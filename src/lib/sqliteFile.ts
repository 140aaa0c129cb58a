import { DatabaseSync } from 'node:sqlite';
import { CodedError } from './error.ts';

/**
 * Opens a file that nobody else uses and reads all of it, blocking meanwhile.
 * Errors: DatabaseDamaged.
 */
export const assertSoundSqlite = (file: string): void => {
  const faults = faultsOf(file);
  if (faults.length === 0) return;
  throw new CodedError('DatabaseDamaged', `The database ${file} is damaged: ${faults.join('; ')}.`, {
    target: file,
    recommendations: ['Use an older copy of it, or rebuild the catalogue from the stores.'],
  });
};

const faultsOf = (file: string): readonly string[] => {
  try {
    using database = new DatabaseSync(file, { readOnly: true });
    const rows = database.prepare('pragma integrity_check(10)').all() as { integrity_check: string }[];
    return rows.map((row) => row.integrity_check).filter((line) => line !== 'ok');
  } catch (error) {
    // SQLite tells by errors of its own what it cannot even open.
    return [(error as Error).message];
  }
};
