import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { enqueueHousekeeping } from '../db/housekeeping.ts';
import { getStoreState } from '../db/storeStates.ts';
import type { HousekeepingOperation } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { JobContext } from './context.ts';
import { newHousekeepingJob } from './housekeeping.ts';
import { VaultRig } from './vaultRig.fixture.ts';
import { VaultStores } from './vaultStores.ts';

/** A rig whose stores remember in the database what became of keys and kits. */
export class KeyRig implements AsyncDisposable {
  readonly rig: VaultRig;
  stores: VaultStores;

  private constructor(rig: VaultRig) {
    this.rig = rig;
    this.stores = KeyRig.#storesOf(rig);
  }

  static async open(): Promise<KeyRig> {
    const made = new KeyRig(await VaultRig.open());
    await made.stores.create({ id: made.vaultId, name: 'vault-1' });
    return made;
  }

  static #storesOf({ folder, clock, db }: VaultRig): VaultStores {
    const at = (name: string) => join(folder, name);
    return new VaultStores({ stores: at('stores'), keys: at('keys'), cache: at('cache') }, clock, undefined, { db });
  }

  /** The next process. */
  restart(): void {
    this.stores = KeyRig.#storesOf(this.rig);
  }

  get vaultId(): string {
    return this.rig.item.vaultId;
  }

  at(file: string): string {
    return join(this.rig.folder, 'keys', file);
  }

  async files(): Promise<readonly string[]> {
    return (await readdir(this.at(''))).map((name) => name.replaceAll(this.vaultId, 'V')).sort();
  }

  async context(operation: HousekeepingOperation, parameters: JsonObject = {}): Promise<JobContext> {
    const { db, clock } = this.rig;
    const vault = { id: this.vaultId, name: 'vault-1' };
    const by = { by: 'operator-1', parameters };
    const job = await enqueueHousekeeping(db.queries, newHousekeepingJob(vault, operation, clock.now(), by));
    await db.queries.updateTable('jobs').set({ end_time: clock.now() }).where('id', '=', job.id).execute();
    return { ...this.rig.tools, stores: this.stores, job, signal: new AbortController().signal };
  }

  async kit(): Promise<JsonObject | undefined> {
    return (await getStoreState(this.rig.db.queries, this.vaultId)).recoveryKit;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.rig[Symbol.asyncDispose]();
  }
}
