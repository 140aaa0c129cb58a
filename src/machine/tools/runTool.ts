import { execFile } from 'node:child_process';
import { CodedError, type ErrorCode, isSystemError } from '../../lib/error.ts';

export interface RunOptions {
  /** Code of the error when the tool says no. */
  readonly failure: ErrorCode;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly environment?: NodeJS.ProcessEnv;
}

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;
const SHOWN_CHARS = 500;

/** Runs a program without a shell and returns its standard output. Errors: ToolMissing, `failure` with the tool's last words. */
export const runTool = (tool: string, args: readonly string[], options: RunOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const { signal, timeoutMs = TIMEOUT_MS, environment } = options;
    execFile(
      tool,
      args,
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
        ...(signal ? { signal } : {}),
        ...(environment ? { env: environment } : {}),
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (signal?.aborted) reject(signal.reason);
        else if (isSystemError(error, 'ENOENT')) reject(toolMissing(tool, error));
        else {
          const words = error.killed
            ? `no end after ${timeoutMs} ms`
            : lastLine(tool, stderr) || `ended with ${error.signal ?? `exit code ${error.code}`}`;
          reject(new CodedError(options.failure, `${tool}: ${words}`, { target: tool, cause: error }));
        }
      },
    );
  });

/** The last thing a tool says is why it ended; what it repeats of its arguments is not for users. */
const lastLine = (tool: string, words: string): string => {
  const line = words.trim().split('\n').at(-1)!;
  const said = line.startsWith(`${tool}: `) ? line.slice(tool.length + 2) : line;
  return said.replace(/^-{1,2}[a-z][a-z-]* \S.*?: /, '').slice(-SHOWN_CHARS);
};

const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-img': 'qemu-utils',
  'qemu-nbd': 'qemu-utils',
  'qemu-system-x86_64': 'qemu-system-x86',
  cp: 'coreutils',
};

export const toolMissing = (tool: string, cause?: unknown): CodedError =>
  new CodedError('ToolMissing', `${tool} is needed and not installed`, {
    target: tool,
    recommendations: [`Install the package ${PACKAGES[tool] ?? tool} (as Debian calls it) on the server's machine.`],
    cause,
  });
