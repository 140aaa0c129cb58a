import { readdir, readFile } from 'node:fs/promises';
import { join, parse, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { CodedError, isCoded, isSystemError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import { Fields } from './description/fields.ts';
import { ProblemLog } from './description/problemLog.ts';
import { readImageHeader } from './imageFormat.ts';
import type { Boot, DiskFormat } from './machine.ts';

/** An image of the folder, as machines are made from it. */
export interface LocalImage {
  /** File name without its extension. */
  readonly name: string;
  readonly publisher: string;
  readonly offer: string;
  readonly sku: string;
  readonly version: string;
  readonly osType: 'Linux' | 'Windows';
  readonly path: string;
  readonly format: DiskFormat;
  readonly sizeBytes: number;
  readonly boot: Boot;
}

const EXTENSIONS: Readonly<Record<string, DiskFormat>> = {
  '.qcow2': 'qcow2',
  '.img': 'qcow2',
  '.raw': 'raw',
  '.vhd': 'vhd',
  '.vhdx': 'vhdx',
  '.vmdk': 'vmdk',
};
const WORD = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/;
const WORD_RULE = '1 to 64 letters, digits, "_", "." and "-"';

/**
 * A folder of disk images: `debian-12.qcow2`, and beside it, where it is to be more than its name says,
 * `debian-12.yaml` with publisher, offer, sku, version, osType and `boot`. An image that cannot be used is left out,
 * and the log says why.
 */
export class LocalImages {
  readonly #folder: string;
  readonly #problems: ProblemLog;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#problems = new ProblemLog('local images', log);
  }

  /** By name; the folder is read anew every time. */
  async list(): Promise<readonly LocalImage[]> {
    const images: LocalImage[] = [];
    const problems: string[] = [];
    for (const file of await this.#files()) {
      try {
        images.push(await readImage(this.#folder, file));
      } catch (error) {
        if (!isCoded(error)) throw error;
        problems.push(`${file}: ${error.message}`);
      }
    }
    this.#problems.note(problems);
    return images;
  }

  async #files(): Promise<string[]> {
    try {
      const names = await readdir(this.#folder);
      return names.filter((name) => parse(name).ext.toLowerCase() in EXTENSIONS && !name.startsWith('.')).sort();
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return [];
      throw error;
    }
  }
}

async function readImage(folder: string, file: string): Promise<LocalImage> {
  const { name, ext } = parse(file);
  const path = join(folder, file);
  // Cloud images are called .img and are qcow2 as a rule, raw by exception: their header tells.
  const expected = ext.toLowerCase() === '.img' ? undefined : EXTENSIONS[ext.toLowerCase()];
  const { format, sizeBytes } = await readImageHeader(path, expected);
  const about = await readAbout(folder, name);
  const word = (field: string, otherwise: string) =>
    about.optional(field, () => about.text(field, WORD, WORD_RULE)) ?? otherwise;
  const image = {
    ...{ name, path, format, sizeBytes, publisher: word('publisher', 'local'), offer: word('offer', name) },
    sku: word('sku', 'default'),
    version:
      about.optional('version', () => about.text('version', /^\d+\.\d+\.\d+$/, 'three numbers: 1.0.0')) ?? '1.0.0',
    osType: about.oneOf('osType', ['Linux', 'Windows'] as const, 'Linux'),
    boot: readBoot(
      about.optional('boot', () => about.object('boot')),
      folder,
    ),
  };
  about.refuseUnknown();
  return image;
}

async function readAbout(folder: string, name: string): Promise<Fields> {
  for (const ext of ['.yaml', '.yml', '.json']) {
    const text = await readFile(join(folder, name + ext), 'utf8').catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (text !== undefined) return new Fields(parsed(text, name + ext), name + ext, '');
  }
  return new Fields({}, name, '');
}

function parsed(text: string, file: string): unknown {
  try {
    return parseYaml(text, { schema: 'core', maxAliasCount: 10 });
  } catch (cause) {
    throw new CodedError('MachineDescriptionInvalid', `${file}: not YAML`, { target: file, cause });
  }
}

function readBoot(boot: Fields | undefined, folder: string): Boot {
  if (!boot) return {};
  const path = <K extends string>(field: K): { [P in K]?: string } =>
    boot.optional(field, () => ({ [field]: resolve(folder, boot.path(field)) }) as Record<K, string>) ?? {};
  const read = {
    ...path('kernel'),
    ...path('initrd'),
    ...boot.optionalText('append', /^[\x20-\x7e]{1,2048}$/, '1 to 2048 printable ASCII characters'),
    ...path('firmware'),
  };
  boot.refuseUnknown();
  return read;
}
