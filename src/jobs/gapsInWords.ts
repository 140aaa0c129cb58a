import type { CopyGap } from '../store/backend.ts';
import type { OpenVault } from './vaultStores.ts';

/** Which places have not all of what was stored, and why; undefined: all have it. */
export const gapsInWords = ({ layout }: Pick<OpenVault, 'layout'>, gaps: readonly CopyGap[]): string | undefined => {
  const reasons = new Map(gaps.map(({ place, why }) => [place, why]));
  if (reasons.size === 0) return undefined;
  const places = layout?.primary.length ?? reasons.size + 1;
  const told = [...reasons].map(([place, why]) => `${place}: ${why}`).join('; ');
  return `stored in ${places - reasons.size} of ${places} places, replication fills the rest (${told})`;
};
