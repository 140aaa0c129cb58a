import * as f from './fields.ts';

/** Rules of docs/vault-store.md; a mutant of the model lacks one of them, or a part of one. */
export type Rule =
  | 'R1'
  | 'R2'
  | 'R2, the name that was seen'
  | 'R3'
  | 'R4'
  | 'R5'
  | 'R5, the outbox'
  | 'R6'
  | 'R7, deleting first'
  | 'R7, gc first'
  | 'R8'
  | 'R9';

export interface Setting {
  /** Sessions that may begin. */
  readonly sessions: readonly number[];
  /** What a session may find by dedupe. */
  readonly hits: readonly number[];
  /** The first session may lose its lease and go on; the second is then its successor. */
  readonly zombie: boolean;
  readonly crashes: 0 | 1;
  /** The database may be copied once, and the copy put back once. */
  readonly rollback: boolean;
  /** Deletions. */
  readonly collections: number;
  readonly without?: Rule | undefined;
}

/** Emits a step that changes a copy of the present state. */
export type Step = (name: string, change: (next: Uint8Array) => void) => void;

export const set =
  (field: number, value: number) =>
  (next: Uint8Array): void => {
    next[field] = value;
  };

/** What of the mask's records the store has. */
export const present = (s: Uint8Array): number => {
  let mask = 0;
  for (const [name, content] of f.A_CONTENT.entries()) if (s[f.A_OBJECTS]! & (1 << name)) mask |= content;
  for (let session = 0; session < f.SESSIONS; session++) if (s[f.OWN_OBJECT[session]!]) mask |= f.own(session);
  return mask;
};

export const refsOf = (s: Uint8Array, point: number): number =>
  point === 0 ? f.A0 | f.A1 : point === 1 ? f.A0 : s[f.REFS[point - 2]!]!;
