import * as f from './fields.ts';
import { Pack, Point, Session, Writer } from './fields.ts';
import { refsOf, type Setting, type Step, set } from './setting.ts';

const newestPoint = (s: Uint8Array): number => {
  for (let point = f.POINTS - 1; point >= 0; point--) if (s[f.POINT[point]!] === Point.published) return point;
  return -1;
};

export const writerSteps = (setting: Setting, s: Uint8Array, session: number, step: Step): void => {
  const [state, writer] = [s[f.SESSION[session]!]!, s[f.WRITER[session]!]!];
  const who = `session ${session}`;
  const mayBegin = state === Session.none && s[f.REFS[session]!] === 0 && !s[f.RECONCILE];
  // the successor of a job begins when the first session has lost its lease
  const isTurn = !(setting.zombie && session === 1) || s[f.SESSION[0]!] === Session.open;
  if (mayBegin && isTurn)
    step(`${who} begins`, (n) => {
      if (setting.zombie && session === 1) n[f.SESSION[0]!] = Session.ended;
      n[f.SESSION[session]!] = Session.open;
      n[f.WRITER[session]!] = Writer.begun;
      n[f.BASE[session]!] = newestPoint(s) + 1;
    });
  if (writer === Writer.none) {
    if (state === Session.open) step(`${who} is aborted`, set(f.SESSION[session]!, Session.ended));
    return;
  }
  if (writer === Writer.begun) step(`${who} puts its pack`, (n) => putOwn(n, session));
  if (writer === Writer.put) step(`${who} records its pack`, (n) => recordOwn(n, session));
  if (writer !== Writer.decided && s[f.HIT[session]!] === 0) hitSteps(setting, s, session, step);
  if (writer === Writer.recorded || (setting.without === 'R1' && writer === Writer.begun))
    if (state === Session.open || (setting.without === 'R9' && state === Session.ended))
      step(`${who} decides`, (n) => decideCommit(setting, n, session));
  if (writer === Writer.decided)
    step(`${who} puts its commit object`, (n) => {
      n[f.LISTED[session + 2]!] = 1;
      endWriter(n, session);
    });
};

const putOwn = (n: Uint8Array, session: number): void => {
  n[f.OWN_OBJECT[session]!] = 1;
  n[f.WRITER[session]!] = Writer.put;
};

/** A pack that a collection took for nobody's is the session's again, unless it is being deleted. */
const recordOwn = (n: Uint8Array, session: number): void => {
  const row = f.PACK[session + 1]!;
  if (n[row] === Pack.deleting || n[row] === Pack.gone) {
    abort(n, session);
    return;
  }
  n[row] = Pack.live;
  n[f.ADOPTED[session]!] = 0;
  n[f.WRITER[session]!] = Writer.recorded;
};

const abort = (n: Uint8Array, session: number): void => {
  if (n[f.SESSION[session]!] === Session.open) n[f.SESSION[session]!] = Session.ended;
  endWriter(n, session);
};

export const endWriter = (n: Uint8Array, session: number): void => {
  n[f.WRITER[session]!] = Writer.none;
  n[f.HIT[session]!] = 0;
  n[f.SAW[session]!] = 0;
};

/** The index may name anything that ever was; a hit counts when the newest object of the pack has the record. */
const hitSteps = (setting: Setting, s: Uint8Array, session: number, step: Step): void => {
  const objects = s[f.A_OBJECTS]!;
  const newest = objects & 2 ? 1 : objects & 4 ? 2 : 0;
  for (const hit of setting.hits) {
    const has = hit === 3 ? session !== 0 && s[f.OWN_OBJECT[0]!] : objects !== 0 && f.A_CONTENT[newest]! & hit;
    if (!has) continue;
    step(`session ${session} finds ${hit === 3 ? 'the record of session 0' : `A${hit - 1}`}`, (n) => {
      n[f.HIT[session]!] = hit;
      n[f.SAW[session]!] = hit === 3 ? 0 : newest;
    });
  }
};

/** R2: all of it in one transaction. */
const decideCommit = (setting: Setting, n: Uint8Array, session: number): void => {
  const hit = n[f.HIT[session]!]!;
  const rows = [f.PACK[session + 1]!];
  if (hit === 3) rows.push(f.PACK[1]!);
  else if (hit !== 0) rows.push(f.PACK[0]!);
  const isReferable = (row: number) => n[row] === Pack.live || n[row] === Pack.condemned;
  const isChecked = setting.without !== 'R2' && setting.without !== 'R1';
  const sameName = hit === 0 || hit === 3 || n[f.A_NAME] === n[f.SAW[session]!];
  if (isChecked && !rows.every(isReferable)) {
    abort(n, session);
    return;
  }
  if (isChecked && setting.without !== 'R2, the name that was seen' && !sameName) {
    abort(n, session);
    return;
  }
  for (const row of rows) if (n[row] === Pack.condemned) n[row] = Pack.live;
  const base = n[f.BASE[session]!]!;
  const kept = base === 0 ? 0 : refsOf(n, base - 1);
  n[f.REFS[session]!] = f.own(session) | kept | (hit === 3 ? f.own(0) : hit);
  n[f.SESSION[session]!] = Session.decided;
  const hasOutbox = setting.without !== 'R5, the outbox';
  n[f.POINT[session + 2]!] = hasOutbox ? Point.committing : Point.published;
  if (hasOutbox) {
    endWriter(n, session);
    return;
  }
  n[f.WRITER[session]!] = Writer.decided;
};
