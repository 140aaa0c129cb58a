import { type ExecException, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { CodedError, isSystemError } from '../lib/error.ts';
import type { KeyEncryptionKey } from './keys.ts';

/** Where a key-encryption key comes from; docs/keys.md. Holds no secret, so that it may be shown. */
export type KekSource = KeySource & {
  /** What the operator calls the key, for clients that name the key of a vault; no secret. */
  readonly keyUri?: string;
};

type KeySource =
  | { readonly kind: 'file' /** 32 bytes. */; readonly path: string }
  | { readonly kind: 'passphrase-file' /** UTF-8; a line feed at its end is cut. */; readonly path: string }
  | {
      readonly kind: 'command';
      /** An absolute path and its arguments, given as they stand: no shell. */
      readonly argv: readonly string[];
      /** What the first line of its output is: the passphrase, or 32 bytes in base64. */
      readonly format: 'passphrase' | 'base64';
      /** Whole seconds, 1 to 600. */
      readonly timeoutSeconds: number;
    };

const MAX_URI_LENGTH = 1024;
export const KEK_BYTES = 32;
const MAX_OUTPUT_BYTES = 1024;
const DEFAULT_TIMEOUT_SECONDS = 30;
const LEGAL =
  '{"kind":"file","path"}, {"kind":"passphrase-file","path"} or {"kind":"command","argv":["/absolute/program",…],"format":"passphrase" or "base64","timeoutSeconds":1 to 600}';

/**
 * The content of a `.kek.json`. Paths are relative to `folder`; `{vaultId}` in paths and arguments is the vault's id.
 * `path` may be left out of `file` where `ownFile` says what it then is. Errors: InvalidParameter.
 */
export const parseKekSource = (
  text: string,
  where: { readonly name: string; readonly folder: string; readonly vaultId: string; readonly ownFile?: string },
): KekSource => {
  const value = jsonObject(text, where.name);
  const { kind, path = kind === 'file' ? where.ownFile : undefined, argv, ...rest } = value;
  const { format = 'passphrase', timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, keyUri, ...unknown } = rest;
  const refuse = (field: string, why: string): CodedError =>
    new CodedError('InvalidParameter', `${where.name}: '${field}' ${why}. Legal: ${LEGAL}.`, { target: field });
  const filled = (word: string): string => word.replaceAll('{vaultId}', where.vaultId);
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw refuse(stray, 'is not known');
  if (keyUri !== undefined && !(typeof keyUri === 'string' && /^[\x21-\x7e]+$/.test(keyUri)))
    throw refuse('keyUri', 'must be printable ASCII without blanks');
  const named = typeof keyUri === 'string' ? { keyUri: filled(keyUri).slice(0, MAX_URI_LENGTH) } : {};
  if (kind === 'file' || kind === 'passphrase-file') {
    if (argv !== undefined) throw refuse('argv', 'belongs to a command');
    if (typeof path !== 'string' || path === '') throw refuse('path', 'must name a file');
    return { kind, path: resolve(where.folder, filled(path)), ...named };
  }
  if (kind !== 'command') throw refuse('kind', 'must be file, passphrase-file or command');
  if (path !== undefined) throw refuse('path', 'does not belong to a command');
  if (!Array.isArray(argv) || !argv.every((word) => typeof word === 'string' && !word.includes('\0')))
    throw refuse('argv', 'must be a list of words');
  if (argv.length === 0 || !isAbsolute(argv[0])) throw refuse('argv', 'must begin with the absolute path of a program');
  if (format !== 'passphrase' && format !== 'base64') throw refuse('format', 'must be passphrase or base64');
  if (!Number.isInteger(timeoutSeconds) || (timeoutSeconds as number) < 1 || (timeoutSeconds as number) > 600)
    throw refuse('timeoutSeconds', 'must be a whole number from 1 to 600');
  return { kind, argv: argv.map(filled), format, timeoutSeconds: timeoutSeconds as number, ...named };
};

export const keyCommand = (argv: readonly string[], format: 'passphrase' | 'base64' = 'passphrase'): KekSource => ({
  kind: 'command',
  argv,
  format,
  timeoutSeconds: DEFAULT_TIMEOUT_SECONDS,
});

const jsonObject = (text: string, name: string): Record<string, unknown> => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // the parser's message shows pieces of the text, which may be a key that was put in the wrong file
    throw new CodedError('InvalidParameter', `${name} is not JSON. Legal: ${LEGAL}.`, { target: name });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CodedError('InvalidParameter', `${name} is no JSON object. Legal: ${LEGAL}.`, { target: name });
};

/**
 * Errors: StoreObjectMissing (the file is gone), StoreIoFailed, InvalidParameter (what is there cannot be a key),
 * KeyCommandFailed. None of them shows what was read.
 */
export const readKek = async (source: KekSource, signal?: AbortSignal): Promise<KeyEncryptionKey> => {
  switch (source.kind) {
    case 'file': {
      const bytes = await readKeyFile(source.path);
      if (bytes.length === KEK_BYTES) return { kind: 'file', bytes };
      throw unfit(source.path, `holds ${bytes.length} bytes; a key file holds ${KEK_BYTES}`);
    }
    case 'passphrase-file': {
      const passphrase = textOf(await readKeyFile(source.path))?.replace(/\r?\n$/, '');
      if (passphrase) return { kind: 'passphrase', passphrase };
      throw unfit(source.path, passphrase === '' ? 'is empty' : 'is not UTF-8');
    }
    case 'command':
      return kekOfLine(await firstLine(source, signal), source);
  }
};

const readKeyFile = async (path: string): Promise<Uint8Array> => {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT'))
      throw new CodedError('StoreIoFailed', `The key file ${path} cannot be read: ${(error as Error).message}`, {
        target: path,
        cause: error,
      });
    throw new CodedError('StoreObjectMissing', `The key file ${path} is gone.`, {
      target: path,
      recommendations: [
        'Put the key file back from your copy of it or from the recovery kit: without the key the store cannot be read.',
      ],
      cause: error,
    });
  }
};

const unfit = (path: string, why: string): CodedError =>
  new CodedError('InvalidParameter', `The key file ${path} ${why}.`, { target: path });

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // no error that could show the bytes
  }
};

type Command = Extract<KekSource, { kind: 'command' }>;

const commandFailed = ({ argv }: Command, why: string): CodedError =>
  new CodedError('KeyCommandFailed', `The key command ${argv[0]} ${why}. What it printed is not shown.`, {
    target: argv[0]!,
    recommendations: ['Run it by hand as the user of the server, and see docs/keys.md for what it must print.'],
  });

const kekOfLine = (line: Uint8Array, source: Command): KeyEncryptionKey => {
  const text = textOf(line);
  line.fill(0);
  if (text === undefined) throw commandFailed(source, 'printed a line that is not UTF-8');
  if (text === '') throw commandFailed(source, 'printed an empty line');
  if (source.format === 'passphrase') return { kind: 'passphrase', passphrase: text };
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  if (
    bytes.length === KEK_BYTES &&
    Buffer.from(bytes).toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  )
    return { kind: 'file', bytes };
  throw commandFailed(source, `printed a line that is not ${KEK_BYTES} bytes in base64`);
};

/** The error of execFile carries arguments and output, so it is never passed on. */
const firstLine = (source: Command, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  const [program = '', ...words] = source.argv;
  const options = {
    encoding: 'buffer',
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: source.timeoutSeconds * 1000,
    killSignal: 'SIGKILL',
    windowsHide: true,
    ...(signal && { signal }),
  } as const;
  return new Promise((done, fail) => {
    const child = execFile(program, words, options, (error, stdout, stderr) => {
      stderr.fill(0);
      if (error === null) {
        const end = stdout.indexOf(0x0a);
        const line = new Uint8Array(stdout.subarray(0, end < 0 ? stdout.length : end));
        stdout.fill(0);
        done(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
        return;
      }
      stdout.fill(0);
      fail(signal?.aborted ? signal.reason : commandFailed(source, whyOf(error, source)));
    });
    child.stdin?.end();
    // a command that does not read its input may close it before it is ended
    child.stdin?.on('error', () => {});
  });
};

const whyOf = (error: ExecException, source: Command): string => {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `printed more than ${MAX_OUTPUT_BYTES} bytes`;
  if (error.killed) return `took longer than ${source.timeoutSeconds} s`;
  if (typeof error.code === 'number') return `ended with code ${error.code}`;
  if (error.code === 'ENOENT') return 'does not exist';
  if (typeof error.code === 'string') return `could not be started (${error.code})`;
  return `was ended by ${error.signal ?? 'a signal'}`;
};
