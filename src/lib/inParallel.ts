/**
 * Gives every item to `work`, at most `limit` at once, in their order. Ends when all work has ended; the first error
 * lets no further one begin, and is what it rejects with.
 */
export async function inParallel<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const underWay = new Set<Promise<void>>();
  const begin = (item: Item): void => {
    const one: Promise<void> = work(item)
      .catch((reason: unknown) => failure.abort(reason))
      .finally(() => underWay.delete(one));
    underWay.add(one);
  };
  try {
    for await (const item of items) {
      begin(item);
      if (underWay.size >= limit) await Promise.race(underWay);
      if (failure.signal.aborted) break;
    }
  } finally {
    await Promise.all(underWay);
  }
  failure.signal.throwIfAborted();
}
