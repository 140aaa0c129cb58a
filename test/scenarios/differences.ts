/**
 * Where an answer is not as expected, each place with both values; empty when it is. Texts between slashes are regular
 * expressions; '~absent', '~any' and '~some' are told in README.md.
 */
export function differences(expected: unknown, actual: unknown, at = 'body'): readonly string[] {
  if (expected === '~absent') return actual === undefined ? [] : [`${at} is there: ${JSON.stringify(actual)}`];
  if (expected === '~any') return actual === undefined ? [`${at} is absent`] : [];
  if (typeof expected === 'string' && /^\/.*\/$/s.test(expected)) return unlike(expected.slice(1, -1), actual, at);
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return [`${at} has not ${expected.length} entries: ${JSON.stringify(actual)}`];
    return expected.flatMap((entry, index) => differences(entry, actual[index], `${at}[${index}]`));
  }
  if (expected === null || typeof expected !== 'object')
    return expected === actual ? [] : [`${at} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`];
  if (actual === null || typeof actual !== 'object') return [`${at} is ${JSON.stringify(actual)}, not an object`];
  if ('~some' in expected) return noneLike(expected['~some'], actual, at);
  return Object.entries(expected).flatMap(([key, value]) =>
    differences(value, (actual as Record<string, unknown>)[key], `${at}.${key}`),
  );
}

function unlike(pattern: string, actual: unknown, at: string): readonly string[] {
  const text = typeof actual === 'string' ? actual : JSON.stringify(actual);
  const fits = text !== undefined && new RegExp(pattern, 's').test(text);
  return fits ? [] : [`${at} is ${text}, not /${pattern}/`];
}

const noneLike = (wanted: unknown, actual: object, at: string): readonly string[] =>
  Array.isArray(actual) && actual.some((entry) => differences(wanted, entry).length === 0)
    ? []
    : [`${at} has no entry like ${JSON.stringify(wanted)}: ${JSON.stringify(actual)}`];
