import { CodedError, isCoded } from '../../lib/error.ts';
import { type Copy, reasonOf } from './copy.ts';
import { objectMissing } from './failures.ts';

/** What one copy answered instead of doing it. */
export interface Failure {
  readonly copy: Copy;
  readonly error: unknown;
}

export const told = (failures: readonly Failure[]): string =>
  failures.map(({ copy, error }) => `${copy.name}: ${reasonOf(error)}`).join('; ');

export const restingFailure = (copy: Copy): Failure => ({
  copy,
  error: new CodedError('StoreIoFailed', `${copy.reads.lastFailure} (it is left alone for a while)`),
});

export const resting = (copy: Copy): CodedError =>
  new CodedError('StoreIoFailed', `${copy.puts.lastFailure} (it is left alone for a while)`, { target: copy.name });

export const wrongBytes = (name: string, copy: Copy): CodedError =>
  new CodedError('StoreDataDamaged', `The bytes of '${name}' do not have the SHA-256 of its name.`, {
    target: copy.name,
  });

/** A place that did not answer may have it: nothing is called damaged or missing as long as there is one. */
export const unreadable = (name: string, failures: readonly Failure[]): unknown => {
  const byCode = (code: 'StoreDataDamaged' | 'StoreObjectMissing') =>
    failures.filter(({ error }) => isCoded(error, code));
  const [missing, damaged] = [byCode('StoreObjectMissing'), byCode('StoreDataDamaged')];
  if (missing.length === failures.length) return objectMissing(name);
  const code = missing.length + damaged.length === failures.length ? 'StoreDataDamaged' : 'StoreIoFailed';
  const message = `'${name}' cannot be read in any place: ${told(failures)}`;
  return new CodedError(code, message, { target: name, cause: failures[0]?.error });
};
