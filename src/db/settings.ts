import type { Queries } from './schema.ts';

/** Small facts of this control plane: instance id, key ids, high-water marks. */
export const getSetting = async (db: Queries, name: string): Promise<string | undefined> =>
  (await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst())?.value;

export const putSetting = async (db: Queries, name: string, value: string): Promise<void> => {
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
};
