import { type ArmResult, ok } from '../arm/respond.ts';
import type { ArmContext } from '../arm/route.ts';
import type { List } from './wire/list.ts';

/** As `context.listFrom`, where showing an item must ask the database: only those of the page are asked for. */
export async function listFromAsync<T>(
  context: Pick<ArmContext, 'listFrom'>,
  items: readonly T[],
  keyOf: (item: T) => string,
  show: (item: T) => Promise<unknown>,
): Promise<ArmResult> {
  const page = context.listFrom(items, keyOf, (item) => item).body as List<T>;
  const value: unknown[] = [];
  for (const item of page.value) value.push(await show(item));
  return ok({ ...page, value });
}
