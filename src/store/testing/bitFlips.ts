import type { Backend } from '../backend.ts';
import { scrubAndRepair } from '../repair.ts';

export interface BitFlipOptions {
  readonly rounds: number;
  /** In [0, 1); the same sequence gives the same flips. */
  readonly random: () => number;
  /** For objects that carry neither checksum nor hash: what their bytes must be (`fmt`, the newest `gc/`). */
  readonly isSound?: (name: string, bytes: Uint8Array) => boolean;
  /** Called while a bit is wrong: reads what it likes and throws when wrong bytes came out. */
  readonly whileSpoilt?: (name: string) => Promise<void>;
}

export interface BitFlipCounts {
  flips: number;
  /** By the first segment of the name; packs by kind are not told apart. */
  readonly byClass: Map<string, number>;
  /** Object, byte and bit of flips that a scrub did not find. Must be empty. */
  readonly missed: string[];
}

/** Flips one random bit of a random object of each class in turn, scrubs the object, and puts the right bytes back. */
export const flipBits = async (backend: Backend, options: BitFlipOptions): Promise<BitFlipCounts> => {
  const { rounds, random, isSound, whileSpoilt } = options;
  const classes = await objectsByClass(backend);
  const counts: BitFlipCounts = { flips: 0, byClass: new Map(), missed: [] };
  const pick = (below: number): number => Math.floor(random() * below);
  for (let round = 0; round < rounds; round++) {
    const [kind, names] = classes[round % classes.length]!;
    const name = names[pick(names.length)]!;
    const sound = await backend.get(name);
    if (sound.length === 0) continue;
    const [at, bit] = [pick(sound.length), 1 << pick(8)];
    const spoilt = new Uint8Array(sound);
    spoilt[at]! ^= bit;
    await replace(backend, name, spoilt);
    const check = isSound && ['fmt', 'gc'].includes(kind) ? (bytes: Uint8Array) => isSound(name, bytes) : undefined;
    const { verdict } = await scrubAndRepair([{ backend, isSecondary: false }], name, check);
    if (verdict !== 'damaged') counts.missed.push(`${name}: bit ${bit} of byte ${at}`);
    await whileSpoilt?.(name);
    await replace(backend, name, sound);
    counts.flips++;
    counts.byClass.set(kind, (counts.byClass.get(kind) ?? 0) + 1);
  }
  return counts;
};

const objectsByClass = async (backend: Backend): Promise<(readonly [string, readonly string[]])[]> => {
  const classes = new Map<string, string[]>();
  for await (const { name } of backend.list('')) {
    const kind = name.split('/')[0]!;
    // a claim is told by its name alone
    if (kind === 'own' || kind === 'probe') continue;
    classes.set(kind, [...(classes.get(kind) ?? []), name]);
  }
  return [...classes];
};

const replace = async (backend: Backend, name: string, bytes: Uint8Array): Promise<void> => {
  await backend.delete(name);
  await backend.put(name, bytes);
};
