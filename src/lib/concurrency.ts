/** Runs `work` over `items`, at most `limit` at once, in order of arrival; the first failure stops new starts. */
export async function forEachLimit<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed: { reason: unknown } | undefined;
  for await (const item of items) {
    if (failed) break;
    const task: Promise<void> = work(item)
      .catch((reason: unknown) => {
        failed ??= { reason };
      })
      .finally(() => running.delete(task));
    running.add(task);
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
  if (failed) throw failed.reason;
}
