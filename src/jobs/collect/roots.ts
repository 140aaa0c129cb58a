import type { Seen } from '../../db/collection.ts';
import { commitRoots } from '../../db/commitRoots.ts';
import { getPoint } from '../../db/points.ts';
import type { Queries } from '../../db/schema.ts';
import { listSessions } from '../../db/sessions.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { MarkRoot } from '../../store/mark.ts';
import type { CommitBody, Store } from '../../store/store.ts';
import type { DiskRoot } from '../../store/tree.ts';

/**
 * The roots of a vault: commits first (decided ones too), then the bases of open sessions, read in pages while writers
 * go on. What comes meanwhile is met by the decision, which is void then; R3 in docs/vault-store.md.
 */
export class RootReader {
  #cseq = 0;
  readonly #sessions = new Set<string>();
  readonly #db: Queries;
  readonly #store: Store;
  points = 0;

  constructor(db: Queries, store: Store) {
    this.#db = db;
    this.#store = store;
  }

  /** What has been given so far. */
  get seen(): Seen {
    return { cseq: this.#cseq, sessions: new Set(this.#sessions) };
  }

  /** Roots not given before. Errors: StoreObjectMissing, StoreDataDamaged (a commit object nobody can read). */
  async *next(): AsyncGenerator<MarkRoot> {
    for await (const page of commitRoots(this.#db, this.#store.vaultId, this.#cseq)) {
      for (const commit of page) {
        if (commit.state !== 'deleted') {
          this.points++;
          yield* (await this.#rootsOf(commit)).map(({ lun, root }) => ({
            name: `point ${commit.pointId}, LUN ${lun}`,
            root,
          }));
        }
        this.#cseq = commit.cseq;
      }
    }
    for (const session of await listSessions(this.#db, { vaultId: this.#store.vaultId, state: 'open' })) {
      if (this.#sessions.has(session.id)) continue;
      for (const root of session.baseRoots)
        yield { name: `the base of session ${session.id}`, root: root as unknown as DiskRoot };
      this.#sessions.add(session.id);
    }
  }

  /** The store's own word; where its commit object is damaged, the database's, so that what can be restored stays. */
  async #rootsOf(commit: {
    readonly name: string;
    readonly itemId: string;
    readonly pointId: string;
    readonly bytes: Uint8Array | null;
  }): Promise<CommitBody['disks'] | readonly { readonly lun: number; readonly root: DiskRoot }[]> {
    if (commit.bytes) return this.#store.readCommit(commit.name, commit.bytes).disks;
    try {
      return (await this.#store.openCommit(commit.name)).disks;
    } catch (error) {
      if (!isCoded(error, 'StoreObjectMissing') && !isCoded(error, 'StoreDataDamaged')) throw error;
      const point = await getPoint(this.#db, commit.itemId, commit.pointId);
      const disks = point?.disks ?? [];
      if (disks.length > 0 && disks.every(({ root }) => root !== undefined))
        return disks.map(({ lun, root }) => ({ lun, root: root as unknown as DiskRoot }));
      throw new CodedError(
        error.code,
        `The commit object of point ${commit.pointId} cannot be read: ${error.message}`,
        {
          target: commit.name,
          recommendations: ['Verify the vault, which repairs what has a good copy; nothing is collected before.'],
          cause: error,
        },
      );
    }
  }
}
