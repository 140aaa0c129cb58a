import * as f from './fields.ts';
import { Point } from './fields.ts';
import { type Setting, type Step, set } from './setting.ts';

/** Whoever finds a decided commit puts and publishes it; prune lets points go. */
export const pointSteps = ({ without }: Setting, s: Uint8Array, step: Step): void => {
  if (s[f.RECONCILE]) return;
  const listed = (point: number) => s[f.LISTED[point]!] === 1;
  for (let point = 0; point < f.POINTS; point++) {
    const row = f.POINT[point]!;
    const state = s[row];
    const unlist = set(f.LISTED[point]!, 0);
    if (state === Point.committing && !listed(point)) step(`commit object ${point} is put`, set(f.LISTED[point]!, 1));
    if (state === Point.committing && listed(point)) step(`point ${point} is published`, set(row, Point.published));
    if (state === Point.published && (without !== 'R5, the outbox' || listed(point)))
      step(`point ${point} expires`, set(row, Point.expired));
    if (without === 'R6') {
      if (state === Point.expired) step(`point ${point} stops being a root`, set(row, Point.deleted));
      if (state === Point.deleted && listed(point)) step(`commit object ${point} is deleted`, unlist);
    } else if (state === Point.expired) {
      if (listed(point)) step(`commit object ${point} is deleted`, unlist);
      else step(`point ${point} stops being a root`, set(row, Point.deleted));
    }
  }
};
