import type { ProtectedItemRequest } from '../api/wire/protectedItem.ts';
import type { ArmAnswer } from './client.ts';
import { followJob, isOver, printOutcome } from './followJob.ts';
import { jobOf } from './operation.ts';
import { tasksOf } from './progress.ts';
import type { Session } from './shell.ts';

type Change = Omit<ProtectedItemRequest['properties'], 'protectedItemType'>;

/** Enables, stops, resumes, takes back or re-policies one item and prints the job of it. */
export async function putItem(
  session: Session,
  vault: string,
  path: string,
  change: Change,
  wait: boolean,
): Promise<void> {
  const body: ProtectedItemRequest = {
    properties: { protectedItemType: 'Microsoft.Compute/virtualMachines', ...change },
  };
  await printJob(session, vault, await session.arm.send('PUT', 'backup', path, { body }), wait);
}

/** Prints the job an accepted request began; with `wait`, as it ended. Errors: CommandFailed when it failed. */
export async function printJob(
  session: Session,
  vault: string,
  answer: ArmAnswer<unknown>,
  wait: boolean,
): Promise<void> {
  const job = await jobOf(session, vault, answer);
  if (!wait && !isOver(job)) return session.print(job);
  if (!isOver(job)) return printOutcome(session, await followJob(session, vault, job.name));
  session.progress.update(tasksOf(job));
  session.progress.end();
  await printOutcome(session, job);
}
