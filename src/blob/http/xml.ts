import { StorageError } from './storageError.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** Text of an element or attribute. Characters that XML cannot hold never get into a name here. */
export const xmlText = (text: string): string => text.replace(/[&<>"']/g, (mark) => `&${ENTITIES[mark]};`);

/** An element with its content, which is XML already. */
export const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;

/** An element with text. */
export const textElement = (name: string, text: string | number): string => element(name, xmlText(String(text)));

export const xmlDocument = (body: string): string => `<?xml version="1.0" encoding="utf-8"?>${body}`;

export interface ListedBlock {
  readonly from: 'Committed' | 'Uncommitted' | 'Latest';
  readonly id: string;
}

/** The body of Put Block List: a flat list, so no XML parser with its entities is needed. Errors: InvalidXmlDocument. */
export function parseBlockList(text: string): readonly ListedBlock[] {
  const body = /^\uFEFF?\s*(?:<\?xml[^?]*\?>)?\s*<BlockList\s*(?:\/>|>([\s\S]*)<\/BlockList>)\s*$/.exec(text);
  if (!body) throw invalid();
  const list: ListedBlock[] = [];
  const rest = (body[1] ?? '').replace(
    /\s*<(Committed|Uncommitted|Latest)>([A-Za-z0-9+/=]*)<\/\1>/g,
    (_, from: ListedBlock['from'], id: string) => {
      list.push({ from, id });
      return '';
    },
  );
  if (rest.trim() !== '') throw invalid();
  return list;
}

const invalid = (): StorageError =>
  new StorageError(
    'InvalidXmlDocument',
    'The request body must be a <BlockList> of <Latest>, <Committed> and <Uncommitted>.',
  );
