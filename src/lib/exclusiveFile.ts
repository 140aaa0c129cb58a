import { DatabaseSync } from 'node:sqlite';

/**
 * Claims `file` for this process alone until it is disposed or the process ends, however it ends. Undefined: another
 * process has it. SQLite's file lock is let go by the kernel, which a file with a process id in it is not.
 */
export const claimFile = (file: string): Disposable | undefined => {
  const claim = new DatabaseSync(file);
  try {
    claim.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT; BEGIN EXCLUSIVE');
    return { [Symbol.dispose]: () => claim.close() };
  } catch (error) {
    claim.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
};

const SQLITE_BUSY = 5;
