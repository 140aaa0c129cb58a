import { CodedError, type ErrorDetail, isErrorCode } from './error.ts';

/** An error as plain data, to cross threads or to be kept. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Code of a CodedError or of a system error. */
  readonly code?: string;
  readonly target?: string;
  readonly details?: readonly ErrorDetail[];
  readonly recommendations?: readonly string[];
  readonly cause?: PlainError;
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: plainError(error.cause) }),
    ...(error instanceof CodedError
      ? {
          ...(error.target === undefined ? {} : { target: error.target }),
          details: error.details,
          recommendations: error.recommendations,
        }
      : {}),
  };
}

/** A CodedError comes back as one, anything else as an Error that looks like the original. */
export function reviveError(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : reviveError(plain.cause);
  if (plain.name === 'CodedError' && plain.code !== undefined && isErrorCode(plain.code)) {
    return new CodedError(plain.code, plain.message, {
      ...(plain.target === undefined ? {} : { target: plain.target }),
      details: plain.details ?? [],
      recommendations: plain.recommendations ?? [],
      cause,
    });
  }
  const error = new Error(plain.message, cause === undefined ? undefined : { cause });
  error.name = plain.name;
  if (plain.stack !== undefined) error.stack = plain.stack;
  return plain.code === undefined ? error : Object.assign(error, { code: plain.code });
}
