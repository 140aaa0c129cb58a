import { collectorSteps } from './collectorSteps.ts';
import type { Model, Steps } from './explore.ts';
import { faultSteps } from './faultSteps.ts';
import * as f from './fields.ts';
import { Pack, Point } from './fields.ts';
import { pointSteps } from './pointSteps.ts';
import { present, refsOf, type Setting } from './setting.ts';
import { writerSteps } from './writerSteps.ts';

export const collectionModel = (setting: Setting): Model => {
  const layout = f.layoutOf(setting.rollback);
  const start = new Uint8Array(layout.length);
  start[f.PACK[0]!] = Pack.live;
  for (const point of [0, 1]) {
    start[f.POINT[point]!] = Point.published;
    start[f.LISTED[point]!] = 1;
  }
  start[f.A_OBJECTS] = 1;
  start[f.CRASHES] = setting.crashes;
  start[f.COPY] = setting.rollback ? 1 : 0;
  return { layout, start, steps: stepsOf(setting), violated: violated(setting), wanted: WANTED };
};

const WANTED = {
  'a pack without live records is gone': (s: Uint8Array) => s[f.PACK[0]!] === Pack.gone && s[f.A_OBJECTS] === 0,
  'a pack was compacted and its old object is gone': (s: Uint8Array) =>
    s[f.A_NAME] !== 0 && s[f.A_OBJECTS] === 1 << s[f.A_NAME]! && s[f.TRASH] === 0,
  'the pack of a session without a point is gone': (s: Uint8Array) =>
    s[f.PACK[1]!] === Pack.gone && s[f.OWN_OBJECT[0]!] === 0 && s[f.REFS[0]!] === 0,
  'a new point is listed': (s: Uint8Array) => s[f.LISTED[2]!] === 1,
};

const violated =
  ({ rollback }: Setting) =>
  (s: Uint8Array): string | undefined => {
    const has = present(s);
    for (let point = 0; point < f.POINTS; point++) {
      if (s[f.LISTED[point]!] && refsOf(s, point) & ~has) return `point ${point} is listed and its records are lost`;
      if (!rollback && s[f.POINT[point]!] === Point.published && !s[f.LISTED[point]!])
        return `point ${point} is published and not in the store`;
    }
    return undefined;
  };

const stepsOf = (setting: Setting): Steps => {
  const next = new Uint8Array(f.layoutOf(setting.rollback).length);
  return (s, emit) => {
    const step = (name: string, change: (n: Uint8Array) => void): void => {
      next.set(s);
      change(next);
      emit(name, next);
    };
    for (const session of setting.sessions) writerSteps(setting, s, session, step);
    pointSteps(setting, s, step);
    collectorSteps(setting, s, step);
    faultSteps(setting, s, step);
  };
};
