import { CodedError } from '../lib/error.ts';
import { sameName } from './ids.ts';

/** The legal value that was meant, however it was spelled; undefined when absent. Errors: `code`, naming the legal ones. */
export function legalValue<T extends string>(
  name: string,
  value: string | undefined,
  values: readonly T[],
  code: 'InvalidParameter' | 'InvalidFilter' = 'InvalidParameter',
): T | undefined {
  if (value === undefined) return undefined;
  const found = values.find((other) => sameName(other, value));
  if (found !== undefined) return found;
  throw new CodedError(
    code,
    `${name} is '${value.slice(0, 64)}'; legal are ${values.map((other) => `'${other}'`).join(', ')}.`,
    {
      target: code === 'InvalidFilter' ? '$filter' : name,
    },
  );
}
