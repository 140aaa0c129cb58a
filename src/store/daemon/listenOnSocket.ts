import { once } from 'node:events';
import { chmod, chown, lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { CodedError, isSystemError } from '../../lib/error.ts';

/**
 * Listens on a unix socket, mode 0660. Whoever may open it is let in. Disposing it hangs up.
 * Errors: StorePlaceUnsuitable.
 */
export const listenOnSocket = async (
  server: Server,
  path: string,
  groupId: number | undefined,
): Promise<AsyncDisposable> => {
  await removeStale(path);
  // the socket is bound before `listen` returns: nobody else may open it until its group is set
  const before = process.umask(0o177);
  server.listen(path);
  process.umask(before);
  try {
    await once(server, 'listening');
    if (groupId !== undefined) await chown(path, process.geteuid?.() ?? 0, groupId);
    await chmod(path, 0o660);
  } catch (cause) {
    server.close();
    throw unsuitable(path, (cause as Error).message, cause);
  }
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** What a killed daemon left; a socket that somebody answers, and whatever is no socket, stay. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw unsuitable(path, (error as Error).message, error);
  });
  if (!found) return;
  if (!found.isSocket()) throw unsuitable(path, 'something else is there');
  const isAnswered = await new Promise<boolean>((resolve) => {
    const connection = connect(path);
    connection.on('connect', () => resolve(true)).on('error', () => resolve(false));
    connection.on('connect', () => connection.destroy());
  });
  if (isAnswered) throw unsuitable(path, 'another process listens there');
  await unlink(path);
}

const unsuitable = (path: string, why: string, cause?: unknown): CodedError =>
  new CodedError('StorePlaceUnsuitable', `The socket ${path} cannot be made: ${why}.`, {
    target: path,
    recommendations: ["Its folder must exist and be the daemon user's to write; a path has at most 107 characters."],
    ...(cause !== undefined && { cause }),
  });
