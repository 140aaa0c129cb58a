import { resolve } from 'node:path';
import type { Place } from '../store/place.ts';
import { UsageError } from './exit.ts';
import { readUserText } from './userFile.ts';

/** Reads the file of one storage place, JSON or YAML. Errors: UsageError; InvalidParameter, naming the field. */
export async function readPlaceFile(file: string, cwd: string): Promise<Place> {
  const path = resolve(cwd, file);
  const refuse = (why: string) =>
    new UsageError(`option '--place <file>' names a file that is no place: ${path} (${why})`);
  const text = await readUserText(path, refuse);
  const [{ parseDocument }, { parsePlace }] = await Promise.all([import('yaml'), import('../store/place.ts')]);
  const document = parseDocument(text);
  if (document.errors[0]) throw refuse(document.errors[0].message.split('\n')[0] ?? '');
  return parsePlace(document.toJS({ maxAliasCount: 0 }));
}
