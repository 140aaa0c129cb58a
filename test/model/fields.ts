/**
 * The state of the model: a vault with one pack A of two records and two points, and three sessions, each of which
 * writes a pack of one record. README.md says what the steps are.
 */
const widths: number[] = [];
const field = (bits: number): number => widths.push(bits) - 1;
const fields = (count: number, bits: number): number[] => Array.from({ length: count }, () => field(bits));

/** Records: bits of a mask. */
export const A0 = 1;
export const A1 = 2;
export const own = (session: number): number => 4 << session;

export const SESSIONS = 3;
/** Points 0 and 1 are there at the start, point 2 + i is that of session i. */
export const POINTS = 5;

// the database
/** Rows of packs: A, then the sessions'. */
export const PACK = fields(4, 3);
export const Pack = { unknown: 0, live: 1, condemned: 2, compacting: 3, deleting: 4, gone: 5 } as const;
/** The row's session is one that has ended, for a collection found the pack before its session wrote it down. */
export const ADOPTED = fields(SESSIONS, 1);
/** Which object A's row names: 0 the first generation, 1 the second with A0 alone, 2 the second with A1 alone. */
export const A_NAME = field(2);
/** Objects of A in the trash: bit n for name n. */
export const TRASH = field(3);
export const SESSION = fields(SESSIONS, 2);
export const Session = { none: 0, open: 1, ended: 2, decided: 3 } as const;
/** The point a session builds on, plus one; 0: none. */
export const BASE = fields(SESSIONS, 3);
export const POINT = fields(POINTS, 3);
export const Point = { none: 0, committing: 1, published: 2, expired: 3, deleted: 4 } as const;
export const GC_SEQ = field(2);
export const RECONCILE = field(1);
export const DATABASE_FIELDS = widths.length;

// the store
/** Objects of A: bit n for name n. */
export const A_OBJECTS = field(3);
export const OWN_OBJECT = fields(SESSIONS, 1);
/** Commit objects. */
export const LISTED = fields(POINTS, 1);
export const GC_MARK = field(2);
/** What the points of sessions refer to: the content of a commit object, so no database takes it back. */
export const REFS = fields(SESSIONS, 5);

// what dies with its process
export const WRITER = fields(SESSIONS, 3);
export const Writer = { none: 0, begun: 1, put: 2, recorded: 3, decided: 4 } as const;
/** What a writer found by dedupe: 0 nothing, 1 A0, 2 A1, 3 the first session's record. */
export const HIT = fields(SESSIONS, 2);
/** The name under which it saw A. */
export const SAW = fields(SESSIONS, 2);
export const COLLECTOR = field(2);
export const Collector = { idle: 0, points: 1, marked: 2, decided: 3 } as const;
export const MARKS = field(5);
export const SEEN_POINTS = field(5);
export const SEEN_SESSIONS = field(3);
/** This run has counted gcSeq up. */
export const DELETES = field(1);

// what may still go wrong
export const CRASHES = field(1);
/** 0: none left to take, 1: may be taken, 2: taken. */
export const COPY = field(2);

/** The copy of the database: behind all others, in the order of the database's fields. */
export const FIRST_COPIED = widths.length;
const copied = widths.slice(0, DATABASE_FIELDS);

export const layoutOf = (hasCopy: boolean): readonly number[] => (hasCopy ? [...widths, ...copied] : widths);

/** Records in an object of A. */
export const A_CONTENT = [A0 | A1, A0, A1] as const;
