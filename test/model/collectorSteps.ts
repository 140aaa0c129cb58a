import * as f from './fields.ts';
import { Collector, Pack, Point, Session } from './fields.ts';
import { refsOf, type Setting, type Step, set } from './setting.ts';

const pointMask = (s: Uint8Array): number => {
  let mask = 0;
  for (let point = 0; point < f.POINTS; point++) if (s[f.POINT[point]!] !== Point.none) mask |= 1 << point;
  return mask;
};

const openSessions = (s: Uint8Array): number => {
  let mask = 0;
  for (let session = 0; session < f.SESSIONS; session++)
    if (s[f.SESSION[session]!] === Session.open) mask |= 1 << session;
  return mask;
};

const rootMarks = ({ without }: Setting, s: Uint8Array, points: number): number => {
  let marks = 0;
  for (let point = 0; point < f.POINTS; point++) {
    const state = s[f.POINT[point]!];
    const isRoot =
      state === Point.published || state === Point.expired || (state === Point.committing && without !== 'R5');
    if (points & (1 << point) && isRoot) marks |= refsOf(s, point);
  }
  return marks;
};

const baseMarks = ({ without }: Setting, s: Uint8Array): number => {
  let marks = 0;
  if (without === 'R4') return marks;
  for (let session = 0; session < f.SESSIONS; session++) {
    const base = s[f.BASE[session]!]!;
    if (s[f.SESSION[session]!] === Session.open && base > 0) marks |= refsOf(s, base - 1);
  }
  return marks;
};

export const collectorSteps = (setting: Setting, s: Uint8Array, step: Step): void => {
  const at = s[f.COLLECTOR];
  if (at === Collector.idle) {
    if (s[f.RECONCILE]) return;
    adoptSteps(s, step);
    step('a collection lists the points', (n) => {
      n[f.COLLECTOR] = Collector.points;
      n[f.SEEN_POINTS] = pointMask(s);
      n[f.MARKS] = rootMarks(setting, s, pointMask(s));
    });
  } else if (at === Collector.points)
    step('the collection lists the sessions', (n) => {
      n[f.COLLECTOR] = Collector.marked;
      n[f.SEEN_SESSIONS] = openSessions(s);
      n[f.MARKS]! |= baseMarks(setting, s);
    });
  else if (at === Collector.marked) decideSteps(setting, s, step);
  else runSteps(setting, s, step);
};

/** Packs that nobody has written down become packs of a session that has ended; other objects of A go to the trash. */
const adoptSteps = (s: Uint8Array, step: Step): void => {
  for (let session = 0; session < f.SESSIONS; session++)
    if (s[f.OWN_OBJECT[session]!] && s[f.PACK[session + 1]!] === Pack.unknown)
      step(`the pack of session ${session} is adopted`, (n) => {
        n[f.PACK[session + 1]!] = Pack.live;
        n[f.ADOPTED[session]!] = 1;
      });
  const others = s[f.A_OBJECTS]! & ~(1 << s[f.A_NAME]!);
  const isHeld = s[f.PACK[0]!] === Pack.live || s[f.PACK[0]!] === Pack.condemned;
  if (isHeld && others & ~s[f.TRASH]! && s[f.A_OBJECTS]! & (1 << s[f.A_NAME]!))
    step('stray objects go to the trash', set(f.TRASH, s[f.TRASH]! | others));
};

const decideSteps = (setting: Setting, s: Uint8Array, step: Step): void => {
  const cameToBe = pointMask(s) & ~s[f.SEEN_POINTS]!;
  const hasCome = cameToBe !== 0 || (openSessions(s) & ~s[f.SEEN_SESSIONS]!) !== 0;
  if (hasCome && setting.without !== 'R3') {
    step('the collection marks what came', (n) => {
      n[f.MARKS]! |= rootMarks(setting, s, cameToBe) | baseMarks(setting, s);
      n[f.SEEN_POINTS] = pointMask(s);
      n[f.SEEN_SESSIONS] = openSessions(s);
    });
    return;
  }
  // a deletion more than the model counts is not explored
  const probe = new Uint8Array(s);
  decide(setting, probe);
  if (probe[f.DELETES] && s[f.GC_SEQ]! >= setting.collections) return;
  step('the collection decides', (n) => decide(setting, n));
};

const decide = (setting: Setting, n: Uint8Array): void => {
  const marks = n[f.MARKS]!;
  const goes = setting.without === 'R7, deleting first' ? Pack.condemned : Pack.deleting;
  let deletes = n[f.TRASH] !== 0;
  const content = f.A_CONTENT[n[f.A_NAME]!]!;
  const live = marks & content;
  const a = f.PACK[0]!;
  if (n[a] === Pack.live) n[a] = live === content ? Pack.live : Pack.condemned;
  else if (n[a] === Pack.condemned || n[a] === Pack.compacting) {
    if (live === 0) {
      n[a] = goes;
      deletes = true;
    } else n[a] = live === content ? Pack.live : Pack.compacting;
  } else if (n[a] === Pack.deleting) deletes = true;
  for (let session = 0; session < f.SESSIONS; session++) {
    const row = f.PACK[session + 1]!;
    const isLive = (marks & f.own(session)) !== 0;
    const hasEnded = n[f.ADOPTED[session]!] === 1 || n[f.SESSION[session]!] !== Session.open;
    if (n[row] === Pack.live && hasEnded && !isLive) n[row] = Pack.condemned;
    else if (n[row] === Pack.condemned && isLive) n[row] = Pack.live;
    else if (n[row] === Pack.condemned || n[row] === Pack.deleting) {
      if (n[row] === Pack.condemned) n[row] = goes;
      deletes = true;
    }
  }
  n[f.COLLECTOR] = Collector.decided;
  n[f.DELETES] = deletes ? 1 : 0;
  if (deletes) n[f.GC_SEQ]!++;
};

/** After the decision: the mark, the deletions, the compaction; each object by itself. */
const runSteps = (setting: Setting, s: Uint8Array, step: Step): void => {
  const before = { steps: 0 };
  const todo: Step = (name, change) => {
    before.steps++;
    step(name, change);
  };
  const isMarked = s[f.GC_MARK]! >= s[f.GC_SEQ]! || setting.without === 'R7, gc first';
  if (s[f.DELETES] && s[f.GC_MARK]! < s[f.GC_SEQ]!) todo('gc is put', set(f.GC_MARK, s[f.GC_SEQ]!));
  if (s[f.DELETES] && isMarked) deletionSteps(setting, s, todo);
  if (before.steps === 0 && s[f.PACK[0]!] === Pack.compacting) compactionSteps(s, todo);
  if (before.steps === 0) step('the collection ends', (n) => endCollection(n));
};

const deletionSteps = (setting: Setting, s: Uint8Array, step: Step): void => {
  const goes = (row: number, records: number) =>
    s[row] === Pack.deleting ||
    (setting.without === 'R7, deleting first' && s[row] === Pack.condemned && (s[f.MARKS]! & records) === 0);
  if (goes(f.PACK[0]!, f.A0 | f.A1)) {
    for (let name = 0; name < 3; name++)
      if (s[f.A_OBJECTS]! & (1 << name))
        step(`object ${name} of A is deleted`, set(f.A_OBJECTS, s[f.A_OBJECTS]! & ~(1 << name)));
    if (s[f.A_OBJECTS] === 0)
      step('A is gone', (n) => {
        n[f.PACK[0]!] = Pack.gone;
        n[f.TRASH] = 0;
      });
  } else
    for (let name = 0; name < 3; name++)
      if (s[f.TRASH]! & (1 << name) && s[f.PACK[0]!] !== Pack.compacting)
        step(`object ${name} of A leaves the trash`, (n) => {
          n[f.A_OBJECTS]! &= ~(1 << name);
          n[f.TRASH]! &= ~(1 << name);
        });
  for (let session = 0; session < f.SESSIONS; session++)
    if (goes(f.PACK[session + 1]!, f.own(session))) {
      const object = f.OWN_OBJECT[session]!;
      if (s[object]) step(`the pack of session ${session} is deleted`, set(object, 0));
      else step(`the pack of session ${session} is gone`, set(f.PACK[session + 1]!, Pack.gone));
    }
};

const compactionSteps = (s: Uint8Array, step: Step): void => {
  const name = s[f.MARKS]! & f.A0 ? 1 : 2;
  if (!(s[f.A_OBJECTS]! & (1 << name))) {
    step('the next generation of A is put', set(f.A_OBJECTS, s[f.A_OBJECTS]! | (1 << name)));
    return;
  }
  step('A is compacted', (n) => {
    n[f.PACK[0]!] = Pack.live;
    n[f.A_NAME] = name;
    n[f.TRASH] = s[f.A_OBJECTS]! & ~(1 << name);
  });
};

export const endCollection = (n: Uint8Array): void => {
  for (const field of [f.COLLECTOR, f.MARKS, f.SEEN_POINTS, f.SEEN_SESSIONS, f.DELETES]) n[field] = 0;
};
