import { journalStep, readJournal } from '../../db/jobs.ts';
import type { Queries } from '../../db/schema.ts';
import type { JsonObject } from '../../vault/json.ts';
import type { JobContext } from '../context.ts';

/** What became of one commit object or of the packs; kept in the job's journal, so that a killed run loses no line. */
export type ReportLine =
  | { readonly kind: 'adopted'; readonly name: string; readonly machine: string; readonly takenAt: number }
  | { readonly kind: 'dropped'; readonly name: string; readonly expiresAt: number | null; readonly why: string }
  /** Left as it is, and why: damaged, in one copy only, let go long ago. */
  | { readonly kind: 'left'; readonly name: string; readonly why: string }
  | { readonly kind: 'newItem'; readonly name: string; readonly machine: string }
  | { readonly kind: 'completed'; readonly name: string }
  | { readonly kind: 'packs'; readonly name: string; readonly adopted: number; readonly lost: number };

type Kind = ReportLine['kind'];

/** Lines of one kind that are written out; more are counted. */
const MAX_LINES = 500;

/** Once for each name and kind. Call it in the transaction that does what it tells. */
export const note = async (tx: Queries, { job }: JobContext, line: ReportLine): Promise<void> => {
  await journalStep(tx, job.id, job.epoch, `${line.kind} ${line.name}`, { ...line });
};

/** Everything this job did, over all its runs. */
export const readReport = async ({ db, job }: JobContext): Promise<ReconcileReport> => {
  const lines = [...(await readJournal(db.queries, job.id)).values()] as unknown as ReportLine[];
  const of = <K extends Kind>(kind: K) =>
    lines.filter((line): line is Extract<ReportLine, { kind: K }> => line.kind === kind);
  const packs = of('packs');
  return {
    adopted: of('adopted'),
    dropped: of('dropped'),
    left: of('left'),
    newItems: of('newItem'),
    completed: of('completed'),
    packsAdopted: packs.reduce((sum, { adopted }) => sum + adopted, 0),
    packsLost: packs.reduce((sum, { lost }) => sum + lost, 0),
  };
};

export interface ReconcileReport {
  readonly adopted: readonly Extract<ReportLine, { kind: 'adopted' }>[];
  readonly dropped: readonly Extract<ReportLine, { kind: 'dropped' }>[];
  readonly left: readonly Extract<ReportLine, { kind: 'left' }>[];
  readonly newItems: readonly Extract<ReportLine, { kind: 'newItem' }>[];
  readonly completed: readonly Extract<ReportLine, { kind: 'completed' }>[];
  readonly packsAdopted: number;
  readonly packsLost: number;
}

/** What StoreState.lastReconcile keeps: counts, and the first lines of each kind. */
export const summaryOf = (report: ReconcileReport, at: number): JsonObject & { readonly at: number } => {
  const { adopted, dropped, left, newItems, completed, packsAdopted, packsLost } = report;
  const lists = { adopted, dropped, left, newItems, completed };
  const counts = Object.entries(lists).map(([kind, lines]) => [`${kind}Count`, lines.length] as const);
  const cut = Object.entries(lists).map(([kind, lines]) => [kind, lines.slice(0, MAX_LINES)] as const);
  return { at, packsAdopted, packsLost, ...Object.fromEntries(counts), ...(Object.fromEntries(cut) as JsonObject) };
};
