import { execFile } from 'node:child_process';
import { CodedError, isSystemError } from './error.ts';

/**
 * The password as /etc/shadow keeps it: crypt's SHA-512 with a new salt. The password goes over a pipe, never as an
 * argument. Errors: ToolMissing.
 */
export const passwordHash = (password: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = execFile('openssl', ['passwd', '-6', '-stdin'], { timeout: 10_000 }, (error, stdout) => {
      if (!error) resolve(stdout.trim());
      else if (isSystemError(error, 'ENOENT'))
        reject(
          new CodedError('ToolMissing', 'openssl is needed to hash a password, and not installed', {
            target: 'openssl',
          }),
        );
      // without its cause: a child's error may repeat what it was given
      else reject(new CodedError('InternalServerError', 'openssl could not hash the password'));
    });
    child.stdin?.on('error', () => {}); // it ended before it read: told by its exit
    child.stdin?.end(`${password}\n`);
  });
