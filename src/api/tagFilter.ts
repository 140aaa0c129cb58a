import { type Filter, type FilterNode, type FilterValue, matches } from '../arm/filter.ts';
import type { Tags } from './wire/resource.ts';

/**
 * `matches` for lists where `tagName` and `tagValue` speak of one tag: a resource fits when it fits with one of
 * its tags standing for both.
 */
export function matchesTagged(
  filter: Filter | undefined,
  tags: Tags | undefined,
  lookUp: (property: string) => FilterValue | undefined,
): boolean {
  if (!filter || !namesTag(filter.root)) return matches(filter, lookUp);
  return Object.entries(tags ?? {}).some(([tagName, tagValue]) =>
    matches(filter, (property) => {
      if (property === 'tagName') return tagName;
      return property === 'tagValue' ? tagValue : lookUp(property);
    }),
  );
}

function namesTag(node: FilterNode): boolean {
  if (node.kind === 'condition') return node.property === 'tagName' || node.property === 'tagValue';
  return node.kind === 'not' ? namesTag(node.inner) : namesTag(node.left) || namesTag(node.right);
}
