import type { Condition, Filter, FilterNode, FilterProperties, FilterValue } from './filter/node.ts';
import { parseExpression } from './filter/parser.ts';
import { invalidFilter } from './filter/tokens.ts';

export type {
  Condition,
  Filter,
  FilterKind,
  FilterNode,
  FilterOperator,
  FilterProperties,
  FilterValue,
} from './filter/node.ts';

const MAX_LENGTH = 2048;

/** Errors: InvalidFilter, naming position and legal properties. */
export function parseFilter(text: string, properties: FilterProperties): Filter {
  if (text.length > MAX_LENGTH) throw invalidFilter(MAX_LENGTH, `it is longer than ${MAX_LENGTH} characters`);
  return { text, root: parseExpression(text, properties) };
}

/**
 * Whether a record satisfies the filter. Strings compare without ASCII case, as Azure does; an absent value
 * satisfies only `ne`.
 */
export function matches(filter: Filter | undefined, read: (property: string) => FilterValue | undefined): boolean {
  return filter === undefined || satisfies(filter.root, read);
}

/**
 * The filter as a flat `a eq x and b ge y` list, for routes whose filters mean more than comparison
 * (a job list's startTime is a bound, not an equal). Errors: InvalidFilter when it holds `or` or `not`.
 */
export function conditionsOf(filter: Filter | undefined): readonly Condition[] {
  return filter === undefined ? [] : flatten(filter.root);
}

function satisfies(node: FilterNode, read: (property: string) => FilterValue | undefined): boolean {
  switch (node.kind) {
    case 'and':
      return satisfies(node.left, read) && satisfies(node.right, read);
    case 'or':
      return satisfies(node.left, read) || satisfies(node.right, read);
    case 'not':
      return !satisfies(node.inner, read);
    case 'condition':
      return holds(node, read(node.property));
  }
}

function holds(condition: Condition, actual: FilterValue | undefined): boolean {
  if (actual === undefined || typeof actual !== typeof condition.value) return condition.operator === 'ne';
  const [left, right] = [comparable(actual), comparable(condition.value)];
  switch (condition.operator) {
    case 'eq':
      return left === right;
    case 'ne':
      return left !== right;
    case 'gt':
      return left > right;
    case 'ge':
      return left >= right;
    case 'lt':
      return left < right;
    case 'le':
      return left <= right;
  }
}

const comparable = (value: FilterValue): FilterValue =>
  typeof value === 'string' ? value.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : value;

function flatten(node: FilterNode): readonly Condition[] {
  if (node.kind === 'condition') return [{ property: node.property, operator: node.operator, value: node.value }];
  if (node.kind === 'and') return [...flatten(node.left), ...flatten(node.right)];
  throw invalidFilter(0, `this list understands conditions joined by 'and' only, not '${node.kind}'`);
}
