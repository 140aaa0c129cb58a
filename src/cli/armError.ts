import type { ErrorBody, WireErrorDetail } from '../api/wire/errorBody.ts';

/** An answer of the server that is not 2xx: its code is whatever the server says, not of our closed union. */
export class ArmError extends Error {
  override readonly name = 'ArmError';
  readonly status: number;
  readonly code: string;
  readonly target: string | undefined;
  readonly details: readonly WireErrorDetail[];
  readonly recommendations: readonly string[];

  constructor(status: number, body: unknown) {
    const error = wireError(body);
    super(error?.message ?? `The server answered with HTTP status ${status} and no error message.`);
    this.status = status;
    this.code = error?.code ?? `Http${status}`;
    this.target = error?.target;
    this.details = error?.details ?? [];
    this.recommendations = (error?.additionalInfo ?? []).flatMap((info) => info.info?.recommendations ?? []);
  }
}

function wireError(body: unknown): ErrorBody['error'] | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error } = body as Partial<ErrorBody>;
  return typeof error === 'object' && typeof error.message === 'string' ? error : undefined;
}
