import { crc32 } from 'node:zlib';
import { CodedError } from '../../lib/error.ts';
import { fromBase32, plainBase32, toBase32 } from './base32.ts';

/**
 * The numbered lines of a recovery kit, docs/store-format.md, "Recovery kit": `NN Label: value  #CHECK`. The check is
 * of the line's number, label and value, so an error of typing is found in its own line. All other lines are prose.
 */
export type KitLine =
  | { readonly label: string; readonly text: string }
  | { readonly label: string; readonly bytes: Uint8Array };

/** 13 groups of 4 on a line of 80 columns; one line holds the 32 bytes of a key. */
const SYMBOLS_A_LINE = 52;
const GROUP = /.{1,4}/g;
const MAX_LINES = 999;
const TITLE = 'Recovery kit';

/** The first line says how many there are, so that the last one cannot be forgotten. */
export const writeKitLines = (values: readonly KitLine[]): string => {
  const body = values.flatMap((value) => {
    if ('text' in value) return [{ label: value.label, value: plainText(value.text) }];
    const pieces = toBase32(value.bytes).match(new RegExp(`.{1,${SYMBOLS_A_LINE}}`, 'g')) ?? [];
    return pieces.map((piece) => ({ label: value.label, value: piece.match(GROUP)!.join(' ') }));
  });
  const lines = [{ label: TITLE, value: `version 1, ${body.length + 1} lines` }, ...body];
  if (lines.length > MAX_LINES) throw new RangeError(`a recovery kit of ${lines.length} lines`);
  return lines
    .map(({ label, value }, index) => {
      const number = String(index + 1).padStart(2, '0');
      return `${number} ${label}: ${value}  #${checkOf(number, label, value)}\n`;
    })
    .join('');
};

/** The lines as they were typed, in order. Errors: RecoveryKitInvalid, naming the line. */
export const readKitLines = (typed: string): ReadonlyMap<string, readonly string[]> => {
  const lines = new Map<number, { readonly label: string; readonly value: string }>();
  for (const [index, text] of typed.split('\n').entries()) {
    if (!isNumbered(text)) continue;
    const line = readLine(text);
    if (!line || (lines.has(line.number) && lines.get(line.number)!.value !== line.value))
      throw wrongLine(index + 1, text);
    lines.set(line.number, line);
  }
  const count = countOf(lines.get(1));
  const values = new Map<string, string[]>();
  for (let number = 1; number <= count; number++) {
    const line = lines.get(number);
    if (!line) throw invalid(`line ${String(number).padStart(2, '0')} is missing`);
    values.set(line.label, [...(values.get(line.label) ?? []), line.value]);
  }
  return values;
};

const countOf = (first: { readonly label: string; readonly value: string } | undefined): number => {
  if (!first) throw invalid('line 01 is missing');
  const [, version, count] = /^version (\d+), (\d+) lines$/.exec(first.value) ?? [];
  if (first.label !== TITLE || count === undefined) throw invalid('its line 01 is not that of a recovery kit');
  if (version !== '1') throw invalid(`it is of version ${version}; this program reads version 1`);
  return Number(count);
};

/** Joins the lines of one label again. Errors: RecoveryKitInvalid. */
export const kitBytes = (label: string, values: readonly string[]): Uint8Array => {
  const pieces = values.map(plainBase32);
  const isWhole = pieces.slice(0, -1).every((piece) => piece.length === SYMBOLS_A_LINE);
  const bytes = isWhole ? fromBase32(pieces.join('')) : undefined;
  if (!bytes) throw invalid(`the lines '${label}' do not hold what they should`);
  return bytes;
};

export const invalid = (why: string): CodedError =>
  new CodedError('RecoveryKitInvalid', `This recovery kit cannot be used: ${why}.`, {
    recommendations: ['Compare the numbered lines with the printed page: each ends with the check of that line alone.'],
  });

/** A line that begins with a number or ends with a check is one of the kit's, whatever else is wrong with it. */
const isNumbered = (line: string): boolean => /^\s*\d{2,3}(\s|$)/.test(line) || /#[0-9A-Za-z]{6,8}\s*$/.test(line);

const readLine = (text: string) => {
  const [, number, label, value, check] = /^\s*(\d{2,3})\s+([^:]+):(.*)#([^#]*)$/.exec(text) ?? [];
  if (!number || !label || value === undefined || check === undefined) return undefined;
  return plainBase32(check) === checkOf(number, label, value)
    ? { number: Number(number), label, value: plainText(value) }
    : undefined;
};

/** Labels of one letter head lines of symbols, in which spaces and the case of letters do not count. */
const checkOf = (number: string, label: string, value: string): string => {
  const plain = label.length === 1 ? plainBase32(value) : plainText(value);
  const check = new Uint8Array(4);
  new DataView(check.buffer).setUint32(0, crc32(`${number} ${label}: ${plain}`));
  return toBase32(check);
};

const plainText = (text: string): string => text.normalize('NFC').replace(/\s+/g, ' ').trim();

/** The text is not shown: it may be the key. */
const wrongLine = (line: number, text: string): CodedError => {
  const number = /^\s*(\d{2,3})\s/.exec(text)?.[1];
  const named = number === undefined ? '' : `, numbered ${number}`;
  return new CodedError(
    'RecoveryKitInvalid',
    `Line ${line} of the recovery kit${named} does not agree with its check.`,
    {
      target: `line ${line}`,
      recommendations: ['Compare this line with the printed page, character by character: letters, digits and check.'],
    },
  );
};
