import { existsSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { writeFileDurably } from '../lib/durableFile.ts';
import type { Backend, BackendSpec } from '../store/backend.ts';
import { makeKit, printKit } from '../store/recoveryKit.ts';
import { specInWords } from '../store/specInWords.ts';
import { type KeyFolder, kekInWords } from './keyFolder.ts';

/** A vault's recovery kit as it was last written. */
export type WrittenKit = {
  readonly madeAt: number;
  readonly keysNumber: number;
  /** 0600: the page to print. */
  readonly path: string;
};

/** Writes `<vault>.recovery-kit.txt` anew. Errors: those of `readKek` and of opening the keys. */
export const writeVaultKit = async (
  parts: {
    readonly keys: KeyFolder;
    readonly clock: Clock;
    readonly backend: Backend;
    readonly spec: BackendSpec | Backend;
  },
  vault: { readonly id: string; readonly name?: string },
): Promise<WrittenKit> => {
  const { keys, clock, backend, spec } = parts;
  const words = kekInWords(await keys.source(vault.id));
  const madeAt = clock.now();
  const { page, keysNumber } = await keys.open(vault.id, async (kek) => {
    const kit = await makeKit(backend, kek, {
      vaultName: vault.name ?? vault.id,
      madeAt,
      places: 'put' in spec ? [] : specInWords(spec),
      ...(words === undefined ? {} : { kekInWords: words }),
    });
    return { page: printKit(kit), keysNumber: kit.keys.number };
  });
  const path = keys.kitFile(vault.id);
  await writeFileDurably(path, page);
  return { madeAt, keysNumber, path };
};

/** The operator may take it away once it is printed. */
export const hasVaultKit = (keys: KeyFolder, vaultId: string): boolean => existsSync(keys.kitFile(vaultId));
