import type { Pack, PackState } from './packs.ts';
import { listPacks } from './packs.ts';
import type { Queries } from './schema.ts';

const PAGE = 100;

/** In pages by id; packs that leave the state meanwhile do no harm. */
export async function* packsInState(db: Queries, vaultId: string, state: PackState): AsyncGenerator<readonly Pack[]> {
  for (let after = ''; ; ) {
    const page = await listPacks(db, vaultId, { state, after, limit: PAGE });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)!.packId;
  }
}
