const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?)?(Z|[+-]\d{2}:\d{2})?$/i;

/** 'from/to' in ISO 8601, ms since epoch; without a zone it is UTC. Undefined: it is none, or ends before it begins. */
export function isoSpan(text: string): { readonly from: number; readonly to: number } | undefined {
  // az percent-encodes it twice
  const [from = '', to = '', ...rest] = decoded(text).split('/');
  const span = { from: timeOf(from), to: timeOf(to) };
  return rest.length === 0 && span.from <= span.to ? span : undefined;
}

function timeOf(text: string): number {
  const zone = TIME.exec(text)?.[4];
  if (!TIME.test(text)) return Number.NaN;
  return Date.parse(zone === undefined ? `${text.includes('T') ? text : `${text}T00:00`}Z` : text);
}

const decoded = (text: string): string =>
  text.replaceAll(/%3A/gi, ':').replaceAll(/%2B/gi, '+').replaceAll(/%2F/gi, '/');
