import { CodedError, httpStatus } from '../lib/error.ts';
import { ArmError } from './armError.ts';
import { printable } from './terminal.ts';

/** The process's exit codes, az's own. */
export const EXIT = { ok: 0, error: 1, usage: 2, notFound: 3, interrupted: 130 } as const;

/** A command line that cannot be carried out; the message names the option and its legal values. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The person pressed Ctrl-C; `hint` says what goes on without them. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(hint = 'Interrupted.') {
    super(hint);
  }
}

/** The command did what it should, but what it waited for failed; the details were printed with the answer. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.details = details;
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof ArmError) return error.status === 404 ? EXIT.notFound : EXIT.error;
  if (error instanceof CodedError) return httpStatus(error.code) === 404 ? EXIT.notFound : EXIT.error;
  return EXIT.error;
}

/** What stderr says of a failure: code, message, target, details, recommendations. */
export function explain(error: unknown): string {
  return `${explainLines(error).map(printable).join('\n')}\n`;
}

function explainLines(error: unknown): string[] {
  if (error instanceof UsageError) return [`error: ${error.message}`];
  if (error instanceof Interrupted) return [error.message];
  if (error instanceof CommandFailed) return [`ERROR: ${error.message}`, ...error.details];
  if (error instanceof ArmError || error instanceof CodedError) {
    return [
      `ERROR: (${error.code}) ${error.message}`,
      ...(error.target ? [`Target: ${error.target}`] : []),
      ...error.details.map((detail) => {
        const target = detail.target ? ` [${detail.target}]` : '';
        return `- (${detail.code}) ${detail.message}${target}`;
      }),
      ...error.recommendations.map((recommendation) => `Recommendation: ${recommendation}`),
    ];
  }
  const message = error instanceof Error ? error.message : String(error);
  return [`ERROR: unexpected failure of the command line: ${message}`, 'Run again with --debug and report it.'];
}
