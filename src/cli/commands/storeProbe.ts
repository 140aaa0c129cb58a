import { join, resolve } from 'node:path';
import type { BackendSpec } from '../../store/backend.ts';
import type { ProbeReport } from '../../store/probe.ts';
import { CommandFailed, UsageError } from '../exit.ts';
import { leaf } from '../options.ts';
import { readPlaceFile } from '../placeFile.ts';
import { actLocally, type Local, type Shell } from '../shell.ts';

interface ProbedPlace {
  readonly folder?: string | undefined;
  readonly place?: string | undefined;
}

/** As long as vaults lock what is put: docs/immutability.md. */
const LANDING_DAYS = 7;
const CLOCK_WITHIN_MS = 5 * 60_000;
/** Beside the stores of vaults, whose names are longer. */
const STORE_NAME = 'probe';

/** `strongroom store probe`: what a storage place does of all that a store relies on. */
export const probe = (shell: Shell) =>
  leaf('probe', 'Try whether a storage place does what a store relies on')
    .option('--folder <folder>', 'a local folder')
    .option('--place <file>', 'a file that describes one place: JSON or YAML')
    .action(
      actLocally(shell, async (local, options) => {
        const { openBackend } = await import('../../store/openBackend.ts');
        const { probeBackend } = await import('../../store/probe.ts');
        const { clock, signal } = local;
        const report = await probeBackend(openBackend(await specOf(local, options)), { clock, signal });
        const rows = rowsOf(report);
        await local.print(rows);
        const broken = rows.filter(({ kept }) => !kept);
        if (broken.length === 0) return;
        const promises = broken.length === 1 ? 'a promise' : `${broken.length} promises`;
        throw new CommandFailed(
          `This storage does not keep ${promises} that a store relies on.`,
          broken.map(({ promise, why }) => `- ${promise}: ${why}`),
        );
      }),
    );

async function specOf({ terminal }: Local, { folder, place }: ProbedPlace): Promise<BackendSpec> {
  if ((folder === undefined) === (place === undefined)) {
    throw new UsageError("one of '--folder <folder>' and '--place <file>' must be specified");
  }
  if (folder !== undefined) return { kind: 'disk', folder: join(resolve(terminal.cwd, folder), STORE_NAME) };
  const { specOf: specOfPlace } = await import('../../store/place.ts');
  const named = await readPlaceFile(place ?? '', terminal.cwd);
  const lock = { mode: 'governance', landingDays: LANDING_DAYS } as const;
  return specOfPlace(named, STORE_NAME, named.lock ? { lock } : {});
}

interface Row {
  readonly promise: string;
  readonly kept: boolean;
  readonly why: string;
}

const rowsOf = ({ promises, clockDifferenceMs }: ProbeReport): readonly Row[] => [
  ...promises.map(({ promise, kept, why = '' }) => ({ promise, kept, why })),
  ...(clockDifferenceMs === undefined
    ? []
    : [
        {
          promise: 'same clock',
          kept: Math.abs(clockDifferenceMs) <= CLOCK_WITHIN_MS,
          why: `the storage's clock differs by ${Math.round(clockDifferenceMs / 1000)} seconds`,
        },
      ]),
];
