import type { Got, Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

/** What no caller may ever read: where the server lies, what it is written in, how it failed inside. */
const INSIDE: readonly RegExp[] = [
  /\bat (?:async )?[\w.<>]+ \(/,
  /node:internal|node_modules|\.ts:\d+/,
  /SQLITE_|SqliteError|sqlite3|kysely/i,
  /TypeError|RangeError|ReferenceError|Cannot read propert|is not a function|is not iterable/,
  /-----BEGIN|AccountKey=|secret of the box/,
];

/** The name under which hostile requests come: it must never come back. */
export const EVIL = 'evil.example';

/** What is wrong with the answer to a hostile request; empty: nothing. */
export function wrongWith(server: HostileServer, hostile: Hostile, got: Got): readonly string[] {
  const wrong: string[] = [];
  const { status, text } = got;
  const code = codeOf(got);
  const shown = `${status} ${text.slice(0, 300)}`;
  if (status >= 500 && !(TYPED_5XX.includes(status) && code !== undefined)) wrong.push(`a fault: ${shown}`);
  if ((hostile.expect ?? 'refused') === 'refused' && status < 400) wrong.push(`let in: ${shown}`);
  if (status >= 400 && hostile.ask.method !== 'HEAD' && code === undefined) wrong.push(`no typed error: ${shown}`);
  if (hostile.codes !== undefined && !hostile.codes.includes(code ?? '')) wrong.push(`not ${hostile.codes}: ${shown}`);
  if (hostile.target !== undefined && !names(got, hostile.target))
    wrong.push(`does not name ${hostile.target}: ${shown}`);
  const all = `${text}\n${JSON.stringify(got.headers)}`;
  for (const inside of INSIDE) if (inside.test(all)) wrong.push(`shows ${String(inside)}: ${shown}`);
  if (all.includes(server.folder) || all.includes(process.cwd())) wrong.push(`shows a folder: ${shown}`);
  if (server.secrets.some((secret) => all.includes(secret))) wrong.push(`shows a secret: ${shown}`);
  if (pointsTo(got).some((link) => link.includes(EVIL)))
    wrong.push(`leads elsewhere: ${JSON.stringify(got.headers)} ${shown}`);
  return wrong.map(
    (what) => `${hostile.what}\n    ${hostile.ask.method} ${hostile.ask.target.slice(0, 200)}\n    ${what}`,
  );
}

const TYPED_5XX = [501, 503];

/** The error code as ARM, OAuth or the storage services say it. */
function codeOf({ headers, text }: Got): string | undefined {
  const storage = headers['x-ms-error-code'];
  if (typeof storage === 'string') return storage;
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } | string };
    if (typeof error === 'string') return error;
    return typeof error?.code === 'string' && typeof error.message === 'string' ? error.code : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one of the details points at the field or at one around it. */
function names({ text }: Got, field: string): boolean {
  const { error } = JSON.parse(text) as { error: { target?: string; details?: readonly { target?: string }[] } };
  const targets = [error, ...(error.details ?? [])].map(({ target }) => target ?? '');
  return targets.some((target) => target === '$' || field === target || /^[.[]/.test(field.slice(target.length)));
}

/** Where an answer would lead a client. */
function pointsTo({ headers, text }: Got): readonly string[] {
  const links = ['location', 'azure-asyncoperation', 'www-authenticate', 'access-control-allow-origin'].map((name) =>
    String(headers[name] ?? ''),
  );
  return [
    ...links,
    ...[...text.matchAll(/"(?:nextLink|id|blobUrl|\w*[eE]ndpoint\w*)":"([^"]*)"/g)].map(([, link = '']) => link),
  ];
}
