const WORD = /[A-Za-z_$][\w$]*/y;
const SPACE = /\s+/y;
const PLAIN = /[^"'/,\sA-Za-z_$]+/y;

/**
 * JSON as people write it in templates made strict: comments, commas at the end, names without quotation marks, texts
 * in single quotation marks or over several lines. What is neither stays as it is, for the parser to refuse.
 */
export function strictJson(text: string): string {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at]!;
    const gapEnd = endOfGap(text, at);
    const word = match(WORD, text, at);
    if (gapEnd > at) {
      pieces.push(' ');
      at = gapEnd;
    } else if (text.startsWith('/*', at)) {
      // never closed: looking for its end again and again would take forever
      return pieces.join('') + text.slice(at);
    } else if (character === '"' || character === "'") {
      const end = endOfText(text, at);
      pieces.push(quoted(text.slice(at + 1, end), character));
      at = end + 1;
    } else if (word !== '') {
      at += word.length;
      pieces.push(text[endOfGap(text, at)] === ':' ? `"${word}"` : word);
    } else if (character === ',') {
      at += 1;
      const next = text[endOfGap(text, at)];
      if (next !== '}' && next !== ']') pieces.push(',');
    } else {
      const plain = match(PLAIN, text, at) || character;
      pieces.push(plain);
      at += plain.length;
    }
  }
  return pieces.join('');
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** Behind the white space and comments that begin there; a comment that is never closed is none. */
function endOfGap(text: string, start: number): number {
  for (let at = start; ; ) {
    const from = at;
    at += match(SPACE, text, at).length;
    if (text.startsWith('//', at)) at = endOr(text, text.indexOf('\n', at));
    else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2);
      if (close < 0) return at;
      at = close + 2;
    }
    if (at === from) return at;
  }
}

const endOr = (text: string, found: number): number => (found < 0 ? text.length : found);

/** Where the closing mark stands, or would. */
function endOfText(text: string, start: number): number {
  const mark = text[start];
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === mark) return at;
  }
  return text.length;
}

/** The content of a text between strict marks; one that was never closed stays open. */
function quoted(content: string, mark: string): string {
  const inner = mark === '"' ? content : content.replace(/\\'/g, "'").replace(/"/g, String.raw`\"`);
  return `"${inner.replace(/[\n\r\t]/g, (white) => JSON.stringify(white).slice(1, -1))}"`;
}
