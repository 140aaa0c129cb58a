/** Who asks: the owner of everything, somebody known without any role, or nobody. */
export type Who = 'owner' | 'stranger' | 'nobody';

export interface Ask {
  readonly method: string;
  /** As it stands on the request line: path and query, never normalised. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly as?: Who;
}

/** One hostile request, and what must become of it. */
export interface Hostile {
  /** What it tries, in words. */
  readonly what: string;
  readonly ask: Ask;
  /**
   * 'refused' (default): an error that is typed. 'harmless': it may be answered, but nothing changes and nothing
   * is given away. Besides, never a 5xx but a typed 501 or 503.
   */
  readonly expect?: 'refused' | 'harmless';
  /** One of these error codes, where more than the status is known. */
  readonly codes?: readonly string[];
  /** The answer must name this field, or one around it, as its target. */
  readonly target?: string;
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export const json = (value: unknown): { body: string; headers: Record<string, string> } => ({
  body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
});
