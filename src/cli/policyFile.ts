import { resolve } from 'node:path';
import type { BackupPolicyRequest } from '../api/wire/backupPolicy.ts';
import { UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { readUserText } from './userFile.ts';

/** Reads an option that holds a policy: JSON text, or `@file`, or a file's name. Errors: UsageError naming the option. */
export async function readPolicy(terminal: Terminal, option: string, given: string): Promise<BackupPolicyRequest> {
  const text = given.trimStart().startsWith('{')
    ? given
    : await readUserText(
        resolve(terminal.cwd, given.replace(/^@/, '')),
        (why) => new UsageError(`option '${option}' is neither JSON nor a file to read: ${given} (${why})`),
      );
  let policy: unknown;
  try {
    // What `policy show` printed holds nulls for what is not set; to the server they would be values.
    policy = JSON.parse(text, (_key, value) => (value === null ? undefined : value));
  } catch (error) {
    throw new UsageError(`option '${option}' is not JSON: ${(error as SyntaxError).message}`);
  }
  if (typeof policy !== 'object' || policy === null || !('properties' in policy)) {
    throw new UsageError(`option '${option}' must be an object with properties, as \`policy show\` prints it`);
  }
  return policy as BackupPolicyRequest;
}
