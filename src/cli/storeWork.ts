import type { Damage, RescueAccess } from '../store/rescue.ts';
import { CommandFailed } from './exit.ts';
import { rescueProgress } from './rescueProgress.ts';
import type { Local } from './shell.ts';

/** Does the work and shows how it goes; `fault` says what is wrong with a result that is a failure. */
export async function shown<T>(
  local: Local,
  title: string,
  work: (onProgress: NonNullable<RescueAccess['onProgress']>) => Promise<T>,
  fault: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const progress = rescueProgress(local, title);
  try {
    const result = await work(progress.update);
    const why = fault(result);
    progress.end(why === undefined ? 'Completed' : 'Failed', why);
    return result;
  } catch (error) {
    progress.end();
    throw error;
  }
}

/** Errors: CommandFailed. */
export function failOnDamage(damages: readonly Damage[]): void {
  if (damages.length === 0) return;
  throw new CommandFailed(`The store is damaged in ${counted(damages.length, 'place')}.`, damages.map(damageLine));
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Object, what it touches, why: each once, though the message names the first two as well. */
export function damageLine({ object, message, pointId, lun, offset, length }: Damage): string {
  const range =
    offset === undefined || length === undefined ? '' : `, bytes ${offset} to ${offset + Math.max(length, 1) - 1}`;
  const where = pointId === undefined ? '' : ` (point ${pointId}, disk at LUN ${lun}${range})`;
  const why = message.replace(/^Bytes \d+ to \d+ of the disk cannot be read\. /, '');
  return `- ${object}${where}: ${why.startsWith(`${object}: `) ? why.slice(object.length + 2) : why}`;
}
