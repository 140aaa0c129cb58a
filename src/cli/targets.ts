import { UsageError } from './exit.ts';
import { idParts, sameName } from './ids.ts';
import { needed } from './options.ts';

/** One name a command needs: the flags that give it, the value given, and where an id holds it. */
export type Named = readonly [flags: string, value: string | undefined, idPart: string];

/** What a command is to act on: one resource by its names, or several by `--ids`. Errors: UsageError. */
export function targets<K extends string>(
  subscriptionId: string,
  ids: readonly string[] | undefined,
  names: Readonly<Record<K, Named>>,
): Record<K, string>[] {
  const entries = Object.entries(names) as [K, Named][];
  if (ids === undefined) return [read(entries, ([flags, value]) => needed(value, flags))];
  const given = entries.find(([, [, value]]) => value !== undefined);
  if (given) throw new UsageError(`option '--ids <ids...>' cannot be used with option '${given[1][0]}'`);
  return ids.map((id) => {
    const parts = idParts(id);
    if (!sameName(parts.subscriptions, subscriptionId)) {
      throw new UsageError(`option '--ids <ids...>' argument '${id}' is not of subscription ${subscriptionId}`);
    }
    return read(entries, ([flags, , part]) => parts[part] ?? fault(id, part, flags));
  });
}

/** Runs over all targets, one after the other; one target gives its answer, several a list. */
export async function eachTarget<T, R>(all: readonly T[], run: (target: T) => Promise<R>): Promise<R | R[]> {
  const answers: R[] = [];
  for (const target of all) answers.push(await run(target));
  return answers.length === 1 ? (answers[0] as R) : answers;
}

const read = <K extends string>(entries: [K, Named][], value: (named: Named) => string): Record<K, string> =>
  Object.fromEntries(entries.map(([key, named]) => [key, value(named)])) as Record<K, string>;

function fault(id: string, part: string, flags: string): never {
  throw new UsageError(`option '--ids <ids...>' argument '${id}' holds no ${part} name (${flags})`);
}
