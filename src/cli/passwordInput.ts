import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { UsageError } from './exit.ts';
import type { Session } from './shell.ts';
import { readUserText } from './userFile.ts';

/**
 * A new password: from a file, from standard input ('-'), or typed twice without being shown. Never from the command
 * line, which others on the computer can read. Errors: UsageError.
 */
export async function readNewPassword(session: Session, file: string | undefined): Promise<string> {
  if (file === '-') return lastLineEndOff(await readAll(process.stdin));
  const { terminal, signal } = session;
  if (file !== undefined) {
    const path = resolve(terminal.cwd, file);
    return lastLineEndOff(
      await readUserText(path, (why) => new UsageError(`--password-file: ${path} cannot be read: ${why}`)),
    );
  }
  if (!terminal.askHidden) {
    throw new UsageError(
      "nobody can be asked without a terminal: say '--password-file <file>', or - for standard input",
    );
  }
  const password = await terminal.askHidden('Password: ', signal);
  if ((await terminal.askHidden('Again: ', signal)) !== password) throw new UsageError('the two passwords differ');
  return password;
}

const lastLineEndOff = (text: string): string => text.replace(/\r?\n$/, '');
