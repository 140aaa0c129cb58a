import type { Kysely } from 'kysely';

/**
 * The tables, alike on SQLite and PostgreSQL. Times are integer milliseconds, JSON is text, booleans are 0 or 1,
 * keys compared without case are stored in lower case (`…_key`). A `body` holds the whole domain object; the
 * columns beside it are what queries look at.
 */
export interface Schema {
  settings: { name: string; value: string };
  resource_groups: { subscription_id: string; name_key: string; body: string };
  vaults: {
    id: string;
    subscription_id: string;
    resource_group_key: string;
    name_key: string;
    /** Set while it is soft-deleted, and when it may be purged. */
    deleted_at: number | null;
    purge_at: number | null;
    body: string;
  };
  /** What lets one critical operation of a vault through, for a few minutes: a consent or the hash of a PIN. */
  vault_tokens: { vault_id: string; kind: string; subject: string; expires_at: number };
  policies: { id: string; vault_id: string; name_key: string; body: string };
  items: {
    id: string;
    vault_id: string;
    resource_group_key: string;
    vm_key: string;
    policy_id: string | null;
    protection_state: string;
    purge_at: number | null;
    /** 1: it is soft-deleted. */
    is_deleted: number;
    /** 'Passed' or 'ActionRequired'. */
    health: string;
    /** 1: it was asked for by an intent, which is listed. */
    has_intent: number;
    /** The schedule looks at it then; null: nothing is scheduled. */
    next_due_at: number | null;
    /** Its points are looked through then at the latest, and were last. */
    prune_at: number;
    pruned_at: number | null;
    /** 1: people were told that its purge is near. */
    purge_announced: number;
    /** The resource group its snapshots are shown in, lower case; null until the first. */
    snapshot_group_key: string | null;
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
    /** Friendly name of what it works on, lower case. */
    entity_key: string;
    operation: string;
    /** 0: housekeeping, which people's lists leave out. */
    is_listed: number;
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
    /** ARM id of the vault, lower case; it outlives the vault. */
    target_key: string;
    kind: string;
    severity: string;
    state: string;
    fired_at: number;
    resolved_at: number | null;
    body: string;
  };
  /** What became of each alert; a change that people are told of waits for its routing. */
  alert_changes: { alert_id: string; number: number; at: number; awaits_routing: number; body: string };
  /** The outbox of notifications: one row for each receiver, kept until it is old. */
  notifications: {
    id: string;
    /** The alert, or the test, it tells of. */
    about: string;
    state: string;
    attempts: number;
    not_before: number;
    created_at: number;
    body: string;
  };
  /** Downloads of job lists that were asked for; the key itself is not kept. */
  job_exports: {
    id: string;
    vault_id: string;
    key_hash: string;
    expires_at: number;
    used_at: number | null;
    body: string;
  };
  /** How the guest extension stands in protected machines, by machine. */
  guest_extensions: {
    group_key: string;
    vm_key: string;
    host: string;
    /** Installed; null: it is not. */
    version: string | null;
    /** When it is looked at next; null: never, nobody protects the machine. */
    look_at: number | null;
    body: string;
  };
  principals: { id: string; app_id: string; body: string };
  role_assignments: { id: string; scope_key: string; principal_id: string; body: string };
  /** Custom roles; the built-in ones are in the program. */
  role_definitions: { id: string; body: string };
  locks: { id: string; scope_key: string; body: string };
  /** SHA-256 of refresh tokens; those of one sign-in are a family. */
  refresh_tokens: {
    hash: string;
    family: string;
    principal_id: string;
    client_id: string;
    expires_at: number;
    used_at: number | null;
  };
}

/** What every query takes: the database or a transaction on it. */
export type Queries = Kysely<Schema>;
