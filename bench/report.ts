/** Figures of one step of one contender. */
export interface Figure {
  readonly tool: string;
  readonly step: 'full' | 'tracked' | 'reread' | 'second' | 'restore' | 'verify' | 'collect' | 'sparse16TiB';
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** How much the store grew. */
  readonly grewBytes: number;
  /** What the store holds. */
  readonly storedBytes: number;
}

const MB = 1e6;
const STEPS: Readonly<Record<Figure['step'], string>> = {
  full: 'full backup',
  tracked: 'next day, changes tracked',
  reread: 'next day, all read',
  second: 'second machine of the same base',
  restore: 'restore',
  verify: 'all bytes verified',
  collect: 'first backup let go, space freed',
  sparse16TiB: '16 TiB sparse disk, scattered data',
};

/** A table for people: each step, each tool, and how many times ours it is. */
export function table(figures: readonly Figure[]): readonly string[] {
  const lines = [row(['step', 'tool', 'seconds', '× ours', 'CPU s', 'grew MB', 'peak MB'])];
  for (const [step, title] of Object.entries(STEPS)) {
    const ofStep = figures.filter((figure) => figure.step === step);
    // who cannot be told what changed reads all
    const own = ofStep.find((figure) => figure.tool === 'strongroom');
    const rivals =
      step === 'tracked' ? figures.filter((figure) => figure.step === 'reread' && figure.tool !== 'strongroom') : [];
    for (const figure of [...ofStep, ...rivals]) {
      lines.push(
        row([
          title,
          figure.tool,
          figure.seconds.toFixed(1),
          own ? (figure.seconds / own.seconds).toFixed(2) : '',
          figure.cpuSeconds.toFixed(1),
          step === 'restore' ? '' : (figure.grewBytes / MB).toFixed(0),
          (figure.peakBytes / MB).toFixed(0),
        ]),
      );
    }
  }
  return lines;
}

const WIDTHS = [36, 12, 9, 8, 8, 9, 9];
const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index < 2 ? cell.padEnd(WIDTHS[index]!) : cell.padStart(WIDTHS[index]!))).join(' ');

export interface Verdict {
  readonly target: string;
  readonly met: boolean;
  readonly measured: string;
}

/** What we promise ourselves, as far as the peers for it were there. */
export function verdicts(figures: readonly Figure[]): Verdict[] {
  const find = (tool: string, step: Figure['step']) =>
    figures.find((figure) => figure.tool === tool && figure.step === step);
  const list: Verdict[] = [];
  const ratio = (
    target: string,
    own: Figure | undefined,
    peer: Figure | undefined,
    limit: number,
    of: 'seconds' | 'grewBytes',
  ) => {
    if (!own || !peer) return;
    list.push({ target, met: own[of] <= peer[of] * limit, measured: `${(own[of] / peer[of]).toFixed(2)}` });
  };
  ratio(
    "full backup takes at most 1/3 of borg's time",
    find('strongroom', 'full'),
    find('borg', 'full'),
    1 / 3,
    'seconds',
  );
  ratio(
    "full backup takes at most 1/5 of restic's time",
    find('strongroom', 'full'),
    find('restic', 'full'),
    1 / 5,
    'seconds',
  );
  ratio('full backup stores no more than borg', find('strongroom', 'full'), find('borg', 'full'), 1, 'grewBytes');
  ratio(
    "next day with tracked changes takes at most 1/6 of borg's time",
    find('strongroom', 'tracked'),
    find('borg', 'reread'),
    1 / 6,
    'seconds',
  );
  ratio(
    "next day grows the store by less than 300/472 of restic's growth",
    find('strongroom', 'tracked'),
    find('restic', 'reread'),
    300 / 472,
    'grewBytes',
  );
  ratio(
    "restore takes at most 1/2 of restic's time",
    find('strongroom', 'restore'),
    find('restic', 'restore'),
    1 / 2,
    'seconds',
  );
  for (const [step, title] of [
    ['verify', 'verifying every byte'],
    ['collect', 'letting the first backup go'],
  ] as const)
    ratio(`${title} takes no longer than restic`, find('strongroom', step), find('restic', step), 1, 'seconds');
  const own = figures.filter((figure) => figure.tool === 'strongroom');
  const tracked = find('strongroom', 'tracked');
  if (tracked)
    list.push({
      target: 'next day grows the store by at most 300 MB',
      met: tracked.grewBytes <= 300 * MB,
      measured: `${(tracked.grewBytes / MB).toFixed(0)} MB`,
    });
  const peakBytes = Math.max(...own.map((figure) => figure.peakBytes));
  if (own.length > 0)
    list.push({
      target: 'memory peaks at 300 MB or less, whatever the disk',
      met: peakBytes <= 300 * MB,
      measured: `${(peakBytes / MB).toFixed(0)} MB`,
    });
  return list;
}
