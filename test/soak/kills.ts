import { Random } from '../../bench/random.ts';
import { assertVault, Violation } from './oracle.ts';
import type { SoakRun } from './part.ts';
import { Power, type StepKind } from './power.ts';
import type { SoakProcess } from './soakProcess.ts';
import { type RigOptions, SoakRig } from './soakRig.ts';

/** A piece of work that a process may die in. */
export interface Work {
  readonly name: string;
  readonly kinds: readonly StepKind[];
  readonly rig?: Omit<RigOptions, 'random'>;
  /** Before the power may go. */
  prepare(rig: SoakRig): Promise<void>;
  /** The work leaves the machines as they are: they are prepared once, and each kill has a copy of the server's files. */
  readonly isCopied?: boolean;
  act(process: SoakProcess): Promise<void>;
  /** With the dead process's files as they are, before the next one starts. */
  whenDead?(rig: SoakRig, keyOf: SoakProcess['keyOf']): Promise<unknown>;
  /** When the next process has settled, before the oracle is asked. */
  settled?(process: SoakProcess): Promise<void>;
  /** When the oracle has spoken. */
  afterwards?(process: SoakProcess): Promise<void>;
}

/** Kills a process before each step of the work, lets the next one go on, and asks the oracle. */
export async function killEverywhere(run: SoakRun, work: Work, few: number): Promise<void> {
  await using rigs = new PreparedRigs(work, run.random.uint32());
  const steps = await stepsOf(rigs, work);
  if (steps < 3) throw new Violation(`${work.name} has only ${steps} steps`);
  let done = 0;
  run.beginNext();
  for (const cutAt of run.pick(steps, few)) {
    if (run.isOver) break;
    await killAt(run, rigs, work, cutAt);
    done++;
  }
  run.note(`${work.name}: killed before ${done} of ${steps} steps`);
}

/** Rigs with the same bytes each time, so that the steps are the same. */
class PreparedRigs implements AsyncDisposable {
  readonly #work: Work;
  readonly #seed: number;
  #template: SoakRig | undefined;

  constructor(work: Work, seed: number) {
    this.#work = work;
    this.#seed = seed;
  }

  async next(): Promise<SoakRig> {
    if (!this.#work.isCopied) return this.#prepared();
    this.#template ??= await this.#prepared();
    return this.#template.copy(new Random(this.#seed));
  }

  async #prepared(): Promise<SoakRig> {
    const rig = await SoakRig.open({ ...this.#work.rig, random: new Random(this.#seed) });
    await this.#work.prepare(rig);
    return rig;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#template?.[Symbol.asyncDispose]();
  }
}

async function stepsOf(rigs: PreparedRigs, work: Work): Promise<number> {
  const power = new Power(work.kinds);
  await using rig = await rigs.next();
  await using process = await rig.start({ power });
  await work.act(process);
  await process.settle();
  const { steps } = power;
  await work.settled?.(process);
  await assertVault(process);
  await work.afterwards?.(process);
  return steps;
}

async function killAt(run: SoakRun, rigs: PreparedRigs, work: Work, cutAt: number): Promise<void> {
  await using rig = await rigs.next();
  const power = new Power(work.kinds);
  power.cutAt = cutAt;
  {
    await using process = await rig.start({ power });
    const died = await process.until(work.act(process).then(() => process.settle()));
    if (!died) throw new Violation(`${work.name}: the kill prepared at step ${cutAt} of ${power.steps} was never hit`);
    await process.kill();
    await work.whenDead?.(rig, (id) => process.keyOf(id));
  }
  run.count('kills');
  try {
    await rig.clock.turn(60_000);
    await using next = await rig.start();
    await next.settle();
    await work.settled?.(next);
    run.count('restores checked', await assertVault(next));
    await work.afterwards?.(next);
  } catch (error) {
    throw new Violation(`${work.name}, killed before ${power.cutBefore} (step ${cutAt}): ${(error as Error).message}`, {
      cause: error,
    });
  }
}
