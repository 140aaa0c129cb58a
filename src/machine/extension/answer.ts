/** Lines `key=value` that the program in the guest prints; the last of a key counts. */
export const readAnswer = (output: string): ReadonlyMap<string, string> => {
  const answer = new Map<string, string>();
  for (const line of output.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) answer.set(line.slice(0, at), line.slice(at + 1));
  }
  return answer;
};

/** A number as the guest printed it; undefined for anything else, which is not shown to anybody. */
export const numberIn = (answer: ReadonlyMap<string, string>, name: string): string | undefined =>
  /^\d{1,10}$/.exec(answer.get(name) ?? '')?.[0];
