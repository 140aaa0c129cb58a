import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncPath, writeFileDurably } from '../lib/durableFile.ts';
import { isCoded, isSystemError } from '../lib/error.ts';
import { KEK_BYTES, type KekSource, parseKekSource, readKek } from '../store/kek.ts';
import type { KeyEncryptionKey } from '../store/keys.ts';

export interface KeyName {
  /** Made by the server and kept in its key folder: nobody chose it. */
  readonly isServerMade: boolean;
  readonly keyUri: string;
}

export interface VaultKeyNames {
  readonly present: KeyName;
  /** What a change of the key would go to. */
  readonly next?: KeyName;
}

/**
 * `keys/` of the data folder, docs/keys.md: where each vault's key-encryption key comes from. `<vault>.kek.json` says
 * it; without that file it is `<vault>.key`. `default.kek.json` is what a new vault gets.
 */
export class KeyFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  keyFile(vaultId: string): string {
    return join(this.#folder, `${vaultId}.key`);
  }

  kitFile(vaultId: string): string {
    return join(this.#folder, `${vaultId}.recovery-kit.txt`);
  }

  /** Written by an operator, or by a change of the key: the source that the vault is to have. */
  nextFile(vaultId: string): string {
    return join(this.#folder, `${vaultId}.kek.next.json`);
  }

  #sourceFile(vaultId: string): string {
    return join(this.#folder, `${vaultId}.kek.json`);
  }

  /** Gives a new vault its key as `default.kek.json` says; one that it has already stays. Errors: InvalidParameter. */
  async make(vaultId: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    if (existsSync(this.#sourceFile(vaultId)) || existsSync(this.keyFile(vaultId))) return;
    const ready = await this.#text('default.kek.json');
    if (ready !== undefined) {
      const source = this.#parse(vaultId, 'default.kek.json', ready);
      const isOwnFile = source.kind === 'file' && source.path === this.keyFile(vaultId);
      // a copy: another default later leaves this vault to its own
      if (!isOwnFile) return writeFileDurably(this.#sourceFile(vaultId), ready);
    }
    await writeFileDurably(this.keyFile(vaultId), randomBytes(KEK_BYTES));
  }

  /** Errors: InvalidParameter. */
  async source(vaultId: string): Promise<KekSource> {
    const name = `${vaultId}.kek.json`;
    const text = await this.#text(name);
    return text === undefined ? { kind: 'file', path: this.keyFile(vaultId) } : this.#parse(vaultId, name, text);
  }

  /** Errors: those of `readKek`. */
  async read(vaultId: string, signal?: AbortSignal): Promise<KeyEncryptionKey> {
    return readKek(await this.source(vaultId), signal);
  }

  /**
   * Does what needs the key. Where a change of it was cut off, the key that was to come is tried after the present
   * one, and the change is finished. The key is wiped when `work` is done. Errors: those of `readKek` and of `work`.
   */
  async open<Result>(vaultId: string, work: (kek: KeyEncryptionKey) => Promise<Result>): Promise<Result> {
    try {
      return await withKey(await this.read(vaultId), work);
    } catch (error) {
      const next = isCoded(error, 'StoreKeyWrong') ? await this.next(vaultId) : undefined;
      if (!next) throw error;
      const result = await withKey(await readKek(next), work);
      await this.finish(vaultId);
      return result;
    }
  }

  /** The source that a change goes to, when one was begun. Errors: InvalidParameter. */
  async next(vaultId: string): Promise<KekSource | undefined> {
    const name = `${vaultId}.kek.next.json`;
    const text = await this.#text(name);
    return text === undefined ? undefined : this.#parse(vaultId, name, text);
  }

  /** The vault's key and the one it is to have, as clients name them; none of it opens anything. */
  async names(vaultId: string): Promise<VaultKeyNames> {
    const [present, next] = [await this.source(vaultId), await this.next(vaultId)];
    return { present: this.#nameOf(vaultId, present), ...(next && { next: this.#nameOf(vaultId, next) }) };
  }

  #nameOf(vaultId: string, source: KekSource): KeyName {
    const isServerMade =
      source.kind === 'file' && dirname(source.path) === resolve(this.#folder) && source.keyUri === undefined;
    return { isServerMade, keyUri: source.keyUri ?? `strongroom://keys/${vaultId}/${source.kind}` };
  }

  /** Begins a change: to what `<vault>.kek.next.json` says, or to a new file of random bytes. */
  async begin(vaultId: string): Promise<KekSource> {
    const asked = await this.next(vaultId);
    if (asked) return asked;
    const file = `${vaultId}.${randomBytes(4).toString('hex')}.key`;
    await writeFileDurably(join(this.#folder, file), randomBytes(KEK_BYTES));
    await writeFileDurably(this.nextFile(vaultId), `${JSON.stringify({ kind: 'file', path: file })}\n`);
    return { kind: 'file', path: join(this.#folder, file) };
  }

  /** The source that was to come is the vault's from now on. */
  async finish(vaultId: string): Promise<void> {
    await rename(this.nextFile(vaultId), this.#sourceFile(vaultId));
    await syncPath(this.#folder);
  }

  /** Deletes key files of the vault that its source does not name; nothing that is wrapped by them may be left. */
  async forgetOld(vaultId: string): Promise<void> {
    const sources = [await this.source(vaultId), await this.next(vaultId)];
    const needed = sources.flatMap((source) => (source && source.kind !== 'command' ? [source.path] : []));
    for (const path of await this.#files(vaultId))
      if (path.endsWith('.key') && !needed.includes(path)) await rm(path, { force: true });
    await syncPath(this.#folder);
  }

  /** All files of the vault; no error when there are none. */
  async remove(vaultId: string): Promise<void> {
    for (const path of await this.#files(vaultId)) await rm(path, { force: true });
  }

  async #files(vaultId: string): Promise<readonly string[]> {
    const names = existsSync(this.#folder) ? await readdir(this.#folder) : [];
    return names.filter((name) => name.startsWith(`${vaultId}.`)).map((name) => join(this.#folder, name));
  }

  async #text(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#folder, name), 'utf8');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #parse(vaultId: string, name: string, text: string): KekSource {
    const ownFile = this.keyFile(vaultId);
    return parseKekSource(text, { name: join(this.#folder, name), folder: dirname(ownFile), vaultId, ownFile });
  }
}

const withKey = async <Result>(
  kek: KeyEncryptionKey,
  work: (kek: KeyEncryptionKey) => Promise<Result>,
): Promise<Result> => {
  try {
    return await work(kek);
  } finally {
    if (kek.kind === 'file') kek.bytes.fill(0);
  }
};

/** How the key is had, for a recovery kit that does not print it; undefined: the kit prints it. */
export const kekInWords = (source: KekSource): string | undefined => {
  switch (source.kind) {
    case 'file':
      return undefined;
    case 'passphrase-file':
      return `the passphrase of the vault (on the server: ${source.path})`;
    case 'command':
      return `what the command ${source.argv[0]} prints (${source.format})`;
  }
};
