import type { ProtectedItem } from '../vault/protectedItem.ts';
import { fromRow } from './items.ts';
import type { Queries } from './schema.ts';

/** How the guest extension stands in one machine. */
export interface GuestExtensionRecord {
  readonly host: string;
  readonly resourceGroup: string;
  readonly vmName: string;
  /** The machine it was seen in: one made anew under the name has none yet. */
  readonly vmId: string;
  readonly status: 'pending' | 'installed' | 'failed' | 'unsupported';
  /** 'major.minor', once it is installed. */
  readonly version?: string;
  /** Why it is not installed, and what to do about it. */
  readonly message?: string;
  readonly recommendation?: string;
  /** Since when it stands so, ms. */
  readonly since: number;
  /** When it is looked at next, ms; absent: never. */
  readonly lookAt?: number;
}

/** Makes it or replaces it. */
export const putGuestExtension = async (db: Queries, record: GuestExtensionRecord): Promise<void> => {
  const row = {
    host: record.host,
    version: record.version ?? null,
    look_at: record.lookAt ?? null,
    body: JSON.stringify(record),
  };
  await db
    .insertInto('guest_extensions')
    .values({ group_key: record.resourceGroup.toLowerCase(), vm_key: record.vmName.toLowerCase(), ...row })
    .onConflict((conflict) => conflict.columns(['group_key', 'vm_key']).doUpdateSet(row))
    .execute();
};

export const findGuestExtension = async (
  db: Queries,
  resourceGroup: string,
  vmName: string,
): Promise<GuestExtensionRecord | undefined> => {
  const row = await db
    .selectFrom('guest_extensions')
    .select('body')
    .where('group_key', '=', resourceGroup.toLowerCase())
    .where('vm_key', '=', vmName.toLowerCase())
    .executeTakeFirst();
  return row && (JSON.parse(row.body) as GuestExtensionRecord);
};

/** Items whose schedule runs and whose machine has no record, a few at a time; in no order that matters. */
export const itemsWithoutExtension = async (db: Queries, limit: number): Promise<readonly ProtectedItem[]> => {
  const rows = await db
    .selectFrom('items')
    .leftJoin('guest_extensions', (join) =>
      join
        .onRef('guest_extensions.group_key', '=', 'items.resource_group_key')
        .onRef('guest_extensions.vm_key', '=', 'items.vm_key'),
    )
    .select('items.body')
    .where('items.next_due_at', 'is not', null)
    .where((or) => or.or([or('guest_extensions.vm_key', 'is', null), or('guest_extensions.look_at', 'is', null)]))
    .limit(limit)
    .execute();
  return rows.map(fromRow);
};

/** Those to be looked at by now, the longest waiting first. */
export const dueGuestExtensions = async (
  db: Queries,
  now: number,
  limit: number,
): Promise<readonly GuestExtensionRecord[]> => {
  const rows = await db
    .selectFrom('guest_extensions')
    .select('body')
    .where('look_at', '<=', now)
    .orderBy('look_at')
    .limit(limit)
    .execute();
  return rows.map(({ body }) => JSON.parse(body) as GuestExtensionRecord);
};

/** A host that brings another version looks at all that have not got it. */
export const lookAtOtherVersions = async (db: Queries, host: string, version: string, now: number): Promise<void> => {
  await db
    .updateTable('guest_extensions')
    .set({ look_at: now })
    .where('host', '=', host)
    .where('version', '!=', version)
    .where('look_at', 'is not', null)
    .execute();
};
