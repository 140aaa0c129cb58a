/** One page of a list; `nextLink` is an absolute URL, absent on the last page. */
export interface List<T> {
  readonly value: readonly T[];
  readonly nextLink?: string | undefined;
}
