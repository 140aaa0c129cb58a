/** How a property may be compared. `dateTime` values become ms since epoch, UTC. */
export type FilterKind = 'string' | 'number' | 'boolean' | 'dateTime';

/** Legal properties by the name the docs give them; matched without case. */
export type FilterProperties = Readonly<Record<string, FilterKind>>;

export type FilterOperator = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

export type FilterValue = string | number | boolean;

export interface Condition {
  /** In the declared spelling. */
  readonly property: string;
  readonly operator: FilterOperator;
  readonly value: FilterValue;
}

export type FilterNode =
  | ({ readonly kind: 'condition' } & Condition)
  | { readonly kind: 'and' | 'or'; readonly left: FilterNode; readonly right: FilterNode }
  | { readonly kind: 'not'; readonly inner: FilterNode };

export interface Filter {
  /** As the caller sent it. */
  readonly text: string;
  readonly root: FilterNode;
}
