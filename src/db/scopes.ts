import type { Queries } from './schema.ts';

/**
 * Lets go of the role assignments and locks on a resource that was deleted and on all below it, so that they do not
 * come down to another one that is later made under its name.
 */
export const forgetScope = async (db: Queries, id: string): Promise<void> => {
  const key = id.replace(/\/+$/, '').toLowerCase();
  for (const table of ['role_assignments', 'locks'] as const) {
    await db
      .deleteFrom(table)
      .where((either) =>
        either.or([
          either('scope_key', '=', key),
          // '0' follows '/' in ASCII
          either.and([either('scope_key', '>=', `${key}/`), either('scope_key', '<', `${key}0`)]),
        ]),
      )
      .execute();
  }
};
