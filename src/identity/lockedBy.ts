import type { LockedBy } from '../arm/principal.ts';
import type { Database } from '../db/database.ts';
import { locksAt, locksBelow } from '../db/locks.ts';

/** A deletion takes what lies below with it, so a lock below forbids it too. */
export const lockedBy =
  (db: Database): LockedBy =>
  async (what, path) => {
    const found = await locksAt(db.queries, path);
    const locks = what === 'delete' ? [...found, ...(await locksBelow(db.queries, path))] : found;
    return [
      ...new Set(locks.filter(({ level }) => what === 'delete' || level === 'ReadOnly').map(({ scope }) => scope)),
    ];
  };
