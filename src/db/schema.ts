import type { Kysely } from 'kysely';

/**
 * The tables, alike on SQLite and PostgreSQL. Times are integer milliseconds, JSON is text, booleans are 0 or 1,
 * keys compared without case are stored in lower case (`…_key`). A `body` holds the whole domain object; the
 * columns beside it are what queries look at.
 */
export interface Schema {
  settings: { name: string; value: string };
  resource_groups: { subscription_id: string; name_key: string; body: string };
  vaults: { id: string; subscription_id: string; resource_group_key: string; name_key: string; body: string };
  policies: { id: string; vault_id: string; name_key: string; body: string };
  items: {
    id: string;
    vault_id: string;
    resource_group_key: string;
    vm_key: string;
    policy_id: string | null;
    protection_state: string;
    purge_at: number | null;
    body: string;
  };
  points: {
    item_id: string;
    id: string;
    vault_id: string;
    taken_at: number;
    has_snapshot: number;
    is_vaulted: number;
    /** When all its chunks were last opened and re-hashed; null: never. */
    verified_at: number | null;
    body: string;
  };
  jobs: {
    id: string;
    vault_id: string;
    item_id: string | null;
    operation: string;
    status: string;
    start_time: number;
    end_time: number | null;
    held_phase: string | null;
    cancel_requested: number;
    epoch: number;
    lease_owner: string | null;
    lease_until: number | null;
    not_before: number;
    body: string;
  };
  job_journal: { job_id: string; step: string; value: string };
  operations: { id: string; vault_id: string | null; status: string; start_time: number; body: string };
  occurrences: {
    item_id: string;
    occurrence_key: string;
    due_at: number;
    outcome: string;
    job_id: string | null;
    recorded_at: number;
  };
  schedule_cursors: { item_id: string; considered_until: number };
  packs: {
    vault_id: string;
    pack_id: string;
    name: string;
    kind: string;
    size_bytes: number;
    slots: number;
    state: string;
    session_id: string;
    created_at: number;
    /** Records in its present generation; null: as many as slots. A compacted pack has fewer; slots keep their numbers. */
    records: number | null;
    /** Why it is on its way out ('drop', 'compact'), since when and since which epoch; null: it is not. */
    condemned_for: string | null;
    condemned_at: number | null;
    condemned_epoch: number | null;
    /** The storage keeps it at least until then. */
    locked_until: number | null;
    /** When its bytes were last compared with its name; null: never. */
    verified_at: number | null;
    /** When it was found damaged, by two independent reads, with no good copy; null: sound. */
    damaged_at: number | null;
    /** When a read of it went wrong: the next verification looks at it first. */
    suspect_at: number | null;
  };
  /** One row a vault: the state of its store. */
  store_states: { vault_id: string; gc_epoch: number; gc_seq: number; body: string };
  /** Objects that compaction replaced, kept for a while. */
  trash: { vault_id: string; name: string; not_before: number };
  /** Packs in the store that the database does not know, and since when that was seen. */
  unknown_objects: { vault_id: string; name: string; seen_at: number };
  /** What a damage means for a point: ranges of its disks. */
  point_damages: { item_id: string; point_id: string; vault_id: string; found_at: number; body: string };
  sessions: {
    id: string;
    vault_id: string;
    job_id: string;
    epoch: number;
    state: string;
    started_at: number;
    ended_at: number | null;
    /** The vault's collection epoch when it began. */
    start_epoch: number;
    /** Roots of the point it builds on, JSON: collection marks them while the session is open. */
    base_roots: string | null;
  };
  commits: {
    vault_id: string;
    cseq: number;
    session_id: string;
    item_id: string;
    point_id: string;
    name: string;
    sha256: string;
    /** The outbox: kept until the commit object is in the store and published. */
    bytes: Uint8Array | null;
    state: string;
    created_at: number;
  };
  /** Resources beside the vaults, by their whole id in lower case. */
  arm_resources: { id_key: string; type_key: string; subscription_id: string; group_key: string; body: string };
  /** What was done and refused, each row sealed by the hash of the one before. */
  audit_events: {
    seq: number;
    at: number;
    correlation_id: string;
    caller: string;
    /** The resource it was done to, lower case. */
    resource_key: string;
    category: string;
    hash: string;
    body: string;
  };
  alerts: {
    id: string;
    vault_id: string;
    item_id: string | null;
    kind: string;
    severity: string;
    state: string;
    fired_at: number;
    resolved_at: number | null;
    body: string;
  };
  principals: { id: string; app_id: string; body: string };
  role_assignments: { id: string; scope_key: string; principal_id: string; body: string };
}

/** What every query takes: the database or a transaction on it. */
export type Queries = Kysely<Schema>;
