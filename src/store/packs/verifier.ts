import { ByteCache } from '../../lib/byteCache.ts';
import { inParallel } from '../../lib/inParallel.ts';
import type { Backend } from '../backend.ts';
import type { CommitBody } from '../commitBody.ts';
import type { Damage } from '../damage.ts';
import { parseCommitName } from '../format/names.ts';
import type { StoreChecks } from '../storeChecks.ts';
import type { IsProven } from './leafCheck.ts';

/** Of some millions of packs the first ones are forgotten, and opened again where a point needs them. */
const PROVEN_BYTES = 256 * 1024 * 1024;
/** What an entry takes besides its bits. */
const ENTRY_BYTES = 400;

/**
 * Reads every object of every copy once: compares it with the SHA-256 in its name, or with the checksum it carries,
 * and opens all records of packs. Objects that carry neither (`fmt`, `gc/`) are read only.
 */
export const verifyObjects = async (
  backend: Backend,
  checks: Pick<StoreChecks, 'object' | 'limit'>,
): Promise<{ readonly objects: number; readonly damages: readonly Damage[]; readonly isProven: IsProven }> => {
  const damages: Damage[] = [];
  const provenSlots = new ByteCache<string, Uint8Array>(PROVEN_BYTES);
  let objects = 0;
  await inParallel(backend.list(''), checks.limit, async ({ name }) => {
    if (name.startsWith('probe/')) return;
    objects++;
    const findings = await checks.object(name);
    damages.push(...findings.damages);
    if (findings.proven) provenSlots.set(name, findings.proven, findings.proven.length + ENTRY_BYTES);
  });
  const isProven: IsProven = ({ pack, entry }) => {
    const bits = provenSlots.get(pack.directory.name);
    return ((bits?.[entry.slot >>> 3] ?? 0) & (1 << (entry.slot & 7))) !== 0;
  };
  return { objects, damages, isProven };
};

/** Every commit names the hash of the one before: what was put in its place, or rolled back, shows. */
export const brokenChain = (
  commits: readonly { readonly name: string; readonly body: CommitBody }[],
): readonly Damage[] => {
  const bySequence = new Map(commits.map((commit) => [commit.body.cseq, commit]));
  return commits.flatMap(({ name, body }) => {
    const before = bySequence.get(body.cseq - 1);
    if (!before) return [];
    const known = [parseCommitName(before.name)?.sha256, before.body.replaces];
    if (known.includes(body.previous ?? undefined)) return [];
    return [
      {
        object: before.name,
        message: `${before.name}: the commit after it names another one as its predecessor (${name}).`,
      },
    ];
  });
};
