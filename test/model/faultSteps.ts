import { endCollection } from './collectorSteps.ts';
import * as f from './fields.ts';
import { Pack, Point, Session } from './fields.ts';
import { present, refsOf, type Setting, type Step } from './setting.ts';
import { endWriter } from './writerSteps.ts';

export const faultSteps = (setting: Setting, s: Uint8Array, step: Step): void => {
  if (s[f.CRASHES]!)
    step('everything dies', (n) => {
      n[f.CRASHES] = 0;
      die(n);
    });
  if (s[f.COPY] === 1)
    step('the database is copied', (n) => {
      n[f.COPY] = 2;
      for (let field = 0; field < f.DATABASE_FIELDS; field++) n[f.FIRST_COPIED + field] = s[field]!;
    });
  if (s[f.COPY] === 2)
    step('the copy is put in the place of the database', (n) => {
      n[f.COPY] = 0;
      die(n);
      for (let field = 0; field < f.DATABASE_FIELDS; field++) {
        n[field] = s[f.FIRST_COPIED + field]!;
        n[f.FIRST_COPIED + field] = 0;
      }
      if (setting.without !== 'R8' && isOld(n)) n[f.RECONCILE] = 1;
    });
  if (s[f.RECONCILE]) step('database and store are reconciled', reconcile);
};

const die = (n: Uint8Array): void => {
  endCollection(n);
  for (let session = 0; session < f.SESSIONS; session++) endWriter(n, session);
};

const isOld = (n: Uint8Array): boolean =>
  n[f.GC_MARK]! > n[f.GC_SEQ]! || f.LISTED.some((listed, point) => n[listed] && n[f.POINT[point]!] === Point.none);

const reconcile = (n: Uint8Array): void => {
  n[f.RECONCILE] = 0;
  n[f.GC_SEQ] = Math.max(n[f.GC_SEQ]!, n[f.GC_MARK]!);
  const has = present(n);
  const objects = n[f.A_OBJECTS]!;
  n[f.PACK[0]!] = objects === 0 ? Pack.gone : Pack.live;
  if (!(objects & (1 << n[f.A_NAME]!)) && objects) n[f.A_NAME] = objects & 2 ? 1 : objects & 4 ? 2 : 0;
  n[f.TRASH] = objects & ~(1 << n[f.A_NAME]!);
  for (let session = 0; session < f.SESSIONS; session++) {
    const row = f.PACK[session + 1]!;
    if (n[f.OWN_OBJECT[session]!]) {
      if (n[row] === Pack.unknown) n[f.ADOPTED[session]!] = 1;
      n[row] = Pack.live;
    } else if (n[row] !== Pack.unknown) n[row] = Pack.gone;
    if (n[f.SESSION[session]!] === Session.open) n[f.SESSION[session]!] = Session.ended;
  }
  for (let point = 0; point < f.POINTS; point++) {
    const row = f.POINT[point]!;
    const isHeld = (refsOf(n, point) & ~has) === 0;
    if (n[f.LISTED[point]!]) {
      if (n[row] === Point.none) n[row] = Point.published;
    } else if (n[row] === Point.committing) n[row] = isHeld ? Point.committing : Point.deleted;
    else if (n[row] !== Point.none) n[row] = Point.deleted;
  }
};
