/** What a handler answers; the server adds the headers every answer has. */
export interface ArmResult {
  readonly status: number;
  /** JSON; absent: an empty body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The part of an ArmContext that makes URLs. */
export interface UrlMaker {
  absoluteUrl(path: string): string;
}

export interface AcceptedOptions {
  /** Path of what is polled for a status; becomes `Azure-AsyncOperation`. */
  readonly statusPath?: string;
  /** Path of what is polled for a result; becomes `Location`. */
  readonly resultPath?: string;
  /** 201 for a PUT that makes a resource, else 202. */
  readonly status?: 201 | 202;
  readonly body?: unknown;
  readonly retryAfterSeconds?: number;
}

export const ok = (body: unknown): ArmResult => ({ status: 200, body });

export const created = (body: unknown): ArmResult => ({ status: 201, body });

export const noContent = (): ArmResult => ({ status: 204 });

/** An operation has begun. The URLs carry the request's api-version and the configured base URL, never `Host`. */
export function accepted(context: UrlMaker, options: AcceptedOptions): ArmResult {
  const headers: Record<string, string> = { 'retry-after': String(options.retryAfterSeconds ?? 1) };
  if (options.statusPath !== undefined) headers['azure-asyncoperation'] = context.absoluteUrl(options.statusPath);
  if (options.resultPath !== undefined) headers.location = context.absoluteUrl(options.resultPath);
  return { status: options.status ?? 202, headers, ...(options.body === undefined ? {} : { body: options.body }) };
}
