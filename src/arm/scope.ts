/** '/subscriptions/s' covers itself and '/subscriptions/s/…', not '/subscriptions/s2'; '/' covers all. */
export function covers(scope: string, resource: string): boolean {
  const above = normal(scope);
  const below = normal(resource);
  return below === above || below.startsWith(`${above}/`);
}

/** ASCII only: a locale's lower case (Turkish İ) would make two spellings one here and two elsewhere. */
const normal = (path: string): string => path.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/\/+$/, '');
