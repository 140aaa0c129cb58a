import type { RepairPlace } from '../../store/repair.ts';
import { copiesOf } from '../../store/secondOpinion.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';

/** One run of a verification: what all its steps work with, and what they counted. */
export interface VerifyRun {
  readonly context: JobContext;
  readonly vaultId: string;
  readonly vault: OpenVault;
  readonly places: readonly RepairPlace[];
  /** When it began: what it verifies counts as verified then. */
  readonly startedAt: number;
  readonly tally: VerifyTally;
}

export interface VerifyTally {
  /** Objects compared with their names or checksums. */
  objects: number;
  /** Bytes read for that, of all copies. */
  bytes: number;
  /** Bytes of disk opened and re-hashed. */
  openedBytes: number;
  points: number;
  /** Bad or missing copies that were replaced. */
  repaired: number;
  /** Bad reads that a second one did not confirm. */
  secondReads: number;
  /** Objects found without any good copy in this run. */
  readonly damaged: string[];
  /** What could not be examined or mended, in words. */
  readonly waiting: string[];
}

const TOLD = 20;

export const newTally = (): VerifyTally => ({
  ...{ objects: 0, bytes: 0, openedBytes: 0, points: 0, repaired: 0, secondReads: 0 },
  ...{ damaged: [], waiting: [] },
});

/** The first ones are enough to be told. */
export const tell = (list: string[], words: string): void => {
  if (list.length < TOLD && !list.includes(words)) list.push(words);
};

/** Every place that holds the store, opened by who may delete from it. */
export const placesOf = ({ reaper, secondary }: OpenVault): readonly RepairPlace[] => [
  ...copiesOf(reaper).map((backend) => ({ backend, isSecondary: false })),
  ...(secondary ? copiesOf(secondary).map((backend) => ({ backend, isSecondary: true })) : []),
];
