/** The body of every answer that is not 2xx. */
export interface ErrorBody {
  readonly error: WireError;
}

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly target?: string | undefined;
  readonly details?: readonly WireErrorDetail[] | undefined;
  readonly additionalInfo?: readonly WireErrorInfo[] | undefined;
}

export interface WireErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target?: string | undefined;
}

/** What the reader can do about it travels as `{type: 'Recommendations', info: {recommendations}}`. */
export interface WireErrorInfo {
  readonly type: string;
  readonly info: { readonly recommendations?: readonly string[] | undefined } & Readonly<Record<string, unknown>>;
}
