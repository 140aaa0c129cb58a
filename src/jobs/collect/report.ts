import type { JsonObject } from '../../vault/json.ts';
import type { Compacted } from './compactPacks.ts';
import type { CollectionDecisions, DecidedPack } from './decisions.ts';
import type { Dropped } from './drop.ts';
import type { UnknownPacks } from './unknownPacks.ts';

/** What a collection did, or would do. JSON. */
export type CollectReport = JsonObject & {
  /** ms. */
  readonly at: number;
  /** Points whose trees were followed. */
  readonly markedPoints: number;
  /** In packs when the run began; trash is not counted. */
  readonly storedBytes: number;
  /** What of it points need: sizes of packs by their share of live records. */
  readonly liveBytes: number;
  readonly livePacks: number;
  readonly condemned: number;
  readonly condemnedBytes: number;
  readonly rescued: number;
  readonly dropped: number;
  readonly compacted: number;
  /** Of the new generations that compaction wrote. */
  readonly rewrittenBytes: number;
  /** Gone from the storage; what compaction saved is free when the old object has left the trash. */
  readonly freedBytes: number;
  readonly trashed: number;
  readonly adopted: number;
  readonly waiting: {
    readonly grace: number;
    readonly session: number;
    readonly lock: number;
    readonly repair: number;
    readonly trash: number;
    readonly unknown: number;
  };
  readonly refused?: readonly string[];
  /** The first 500 packs that change or wait, with the reason. */
  readonly packs: readonly JsonObject[];
};

export interface CollectResults {
  readonly at: number;
  readonly points: number;
  readonly decisions: CollectionDecisions;
  readonly unknown: UnknownPacks;
  readonly dropped: Dropped | undefined;
  readonly compacted: Compacted | undefined;
  /** Objects taken out of the trash. */
  readonly emptied: number;
  /** Objects in the trash. */
  readonly trash: number;
}

/** Of a dry run: nothing was dropped, compacted or emptied. */
export const emptyReport = { dropped: undefined, compacted: undefined, emptied: 0 };

/** Where nothing was done, the counts are what would be done. */
export const reportOf = (results: CollectResults): CollectReport => {
  const { at, points, decisions, unknown, dropped, compacted, emptied, trash } = results;
  const { storedBytes, liveBytes, livePacks, condemnedBytes, freeingBytes, waiting } = decisions;
  return {
    at,
    markedPoints: points,
    storedBytes,
    liveBytes,
    livePacks,
    condemned: decisions.count('condemnToDrop') + decisions.count('condemnToCompact'),
    condemnedBytes,
    rescued: decisions.count('rescue'),
    dropped: dropped?.packs ?? decisions.count('drop'),
    compacted: compacted?.packs ?? decisions.count('compact'),
    rewrittenBytes: compacted?.writtenBytes ?? 0,
    freedBytes: dropped && compacted ? dropped.bytes + compacted.bytes : freeingBytes,
    trashed: emptied,
    adopted: unknown.adopted,
    waiting: {
      ...waiting,
      lock: waiting.lock + (dropped?.locked ?? 0),
      repair: waiting.repair + (compacted?.damaged ?? 0),
      trash,
      unknown: unknown.waiting,
    },
    packs: decisions.listed.map((pack: DecidedPack) => ({ ...pack })),
  };
};

/** For the job's property bag. */
export const describe = (report: CollectReport): Readonly<Record<string, string>> => ({
  'Recovery Points Marked': String(report.markedPoints),
  'Packs Condemned': `${report.condemned} (${mebibytes(report.condemnedBytes)})`,
  'Packs Dropped': String(report.dropped),
  'Packs Compacted': String(report.compacted),
  'Freed Size': mebibytes(report.freedBytes),
  Waiting: Object.entries(report.waiting)
    .filter(([, count]) => count > 0)
    .map(([why, count]) => `${why} ${count}`)
    .join(', '),
  ...(report.refused && { 'Would Be Refused': report.refused.join('; ') }),
});

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
