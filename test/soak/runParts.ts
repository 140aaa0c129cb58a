import { COUNTS, type Part, type RunOptions, SoakRun } from './part.ts';

export interface PartResult {
  readonly part: Part;
  readonly run: SoakRun;
  readonly seconds: number;
  readonly skipped?: string;
  readonly failure?: Error;
}

/** Runs parts one after another; a failed one does not keep the others from running. */
export async function runParts(
  parts: readonly Part[],
  options: RunOptions,
  say: (line: string) => void,
): Promise<readonly PartResult[]> {
  const results: PartResult[] = [];
  for (const part of parts) {
    const run = new SoakRun(options);
    const started = performance.now();
    const skipped = part.missing?.();
    let failure: Error | undefined;
    if (skipped === undefined) {
      try {
        await part.run(run);
      } catch (error) {
        failure = error as Error;
      }
    }
    const seconds = (performance.now() - started) / 1000;
    results.push({ part, run, seconds, ...(skipped !== undefined && { skipped }), ...(failure && { failure }) });
    const end = failure ? `VIOLATION ${failure.stack ?? failure.message}` : skipped ? `skipped: ${skipped}` : 'ok';
    say(`${part.name}: ${seconds.toFixed(1)} s ${end}`);
    for (const note of run.notes) say(`  ${note}`);
  }
  for (const line of table(results)) say(line);
  return results;
}

const table = (results: readonly PartResult[]): string[] => {
  const row = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(24) + cells.map((cell) => String(cell).padStart(17)).join('');
  const lines = [row('part', COUNTS)];
  for (const { part, run, skipped } of results)
    lines.push(
      row(
        part.name,
        COUNTS.map((count) => (skipped === undefined ? (run.counts.get(count) ?? '') : 'skipped')),
      ),
    );
  const total = (count: (typeof COUNTS)[number]) =>
    results.reduce((sum, { run }) => sum + (run.counts.get(count) ?? 0), 0);
  return [...lines, row('together', COUNTS.map(total))];
};
