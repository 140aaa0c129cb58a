/** What a command sees of the world: streams, environment, folder; a test makes its own. */
export interface Terminal {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Asks the person at the keyboard; absent when nobody is there. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string>;
  /** The same without showing what is typed. */
  readonly askHidden?: (question: string, signal: AbortSignal) => Promise<string>;
}

export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Text from elsewhere made harmless to a terminal: control characters become U+FFFD, line ends stay. */
export const printable = (text: string): string => text.replace(CONTROL, '\uFFFD');

const CONTROL = /[[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]--\n]/gv;

/** Colours only on a terminal that wants them: NO_COLOR and TERM=dumb say no, FORCE_COLOR yes. */
export function wantsColor(stream: TextStream, env: Terminal['env']): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
