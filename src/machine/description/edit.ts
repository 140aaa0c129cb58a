import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { writeFileDurably } from '../../lib/durableFile.ts';
import type { DescribedMachine } from './folder.ts';
import { parseInPlace } from './folder.ts';
import { legalRoots } from './place.ts';

/** A description as its file holds it: paths as they were written. */
export interface RawDescription {
  readonly tags?: Readonly<Record<string, string>>;
  readonly disks: readonly { readonly lun: number; readonly name: string; readonly path: string }[];
  readonly qemu?: Readonly<Record<string, unknown>>;
}

/**
 * Changes some fields of a machine's file; what the file says besides, comments too, stays. Nothing is written that
 * would not be read back. Errors: MachineDescriptionInvalid.
 */
export const editDescription = async (
  { file, place }: DescribedMachine,
  change: (before: RawDescription) => Partial<RawDescription>,
): Promise<void> => {
  const document = parseDocument(await readFile(file, 'utf8'), { schema: 'core' });
  const before = document.toJS() as RawDescription;
  const changed = change(before);
  for (const [field, value] of Object.entries(changed)) document.set(field, document.createNode(value));
  const isJson = file.toLowerCase().endsWith('.json');
  const text = isJson ? `${JSON.stringify({ ...before, ...changed }, undefined, 2)}\n` : document.toString();
  await parseInPlace(text, file, place.folder, await legalRoots(place));
  await writeFileDurably(file, text);
};
