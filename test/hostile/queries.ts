import type { Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

const FILTERS: readonly string[] = [
  "status eq 'Completed' or 1 eq 1",
  "status eq 'Completed'; drop table jobs",
  "status eq 'Completed' --",
  "status eq 'Completed' union select * from principals",
  "' or '1'='1",
  "status eq 'Completed",
  'status eq "Completed"',
  'status eq Completed',
  "status eq 'a' and",
  "and status eq 'a'",
  "((((status eq 'a'",
  `${'('.repeat(5000)}status eq 'a'${')'.repeat(5000)}`,
  Array.from({ length: 2000 }, () => "status eq 'a'").join(' and '),
  `status eq '${'x'.repeat(6000)}'`,
  "__proto__ eq 'a'",
  "constructor eq 'a'",
  "toString eq 'a'",
  "properties/status eq 'a'",
  "status gt 'a'",
  "status like '%'",
  "startswith(status,'a')",
  "startTime ge 'yesterday'",
  "startTime ge '2026-13-45 99:99:99 PM'",
  'startTime ge datetime',
  "startTime ge '9999999999999-01-01'",
  "status eq 'a' eq 'b'",
  '$filter eq 1',
  '1',
  'true',
  '()',
  "status in ('a','b')",
  "not status eq 'a'",
  'status eq null',
  "статус eq 'a'",
  "status eq 'a'\u0000",
  '{"status":"a"}',
  '[equals(1,1)]',
];

const VERSIONS: readonly string[] = [
  '',
  '?api-version=',
  '?api-version=latest',
  '?api-version=2024-13-45',
  '?api-version=0000-00-00',
  '?api-version=9999-12-31',
  '?api-version=2024-04-01-preview;drop',
  '?api-version=2024-04-01&api-version=2016-06-01',
  '?api-version=2024-04-01&API-VERSION=2016-06-01',
  '?api-version=2024-04-01%00',
  '?api-version=2024-04-01%0d%0aSet-Cookie:a=b',
  `?api-version=${'2'.repeat(4000)}`,
  '?api-version[]=2024-04-01',
  '?api-version=2024-04-01&%zz=1',
  '?api-version=2024-04-01&a=%ff%fe',
  `?api-version=2024-04-01&${Array.from({ length: 100 }, (_, i) => `p${i}=1`).join('&')}`,
];

const TOPS = ['0', '-1', '1.5', '1e3', 'NaN', '1001', '99999999999999999999', '0x10', '%2b1', "1'", '[]', '%C2%B2'];

/** Filters, versions, page sizes and page tokens that no client sends. */
export async function queryTricks(server: HostileServer): Promise<readonly Hostile[]> {
  const version = 'api-version=2025-02-01';
  const get = (what: string, target: string): Hostile => ({ what, ask: { method: 'GET', target } });
  const filtered = ['backupJobs', 'backupProtectedItems', 'backupPolicies'].flatMap((list) =>
    FILTERS.map((text) =>
      get(`the filter ${text.slice(0, 60)}`, `${server.vault}/${list}?${version}&$filter=${encodeURIComponent(text)}`),
    ),
  );
  return [
    ...filtered,
    ...VERSIONS.map((text) => get(`the query ${text.slice(0, 60)}`, `${server.vault}${text}`)),
    ...TOPS.map((top) => get(`$top=${top}`, `${server.vault}/backupJobs?${version}&$top=${top}`)),
    ...(await forgedTokens(server)),
  ];
}

/** Page tokens that are made up, changed, or of another list, filter or caller. */
async function forgedTokens(server: HostileServer): Promise<readonly Hostile[]> {
  const version = 'api-version=2025-02-01';
  const first = await server.must('GET', `${server.vault}/backupJobs?${version}&$top=1`);
  const next = new URL(String(first.nextLink));
  const token = next.searchParams.get('$skipToken') ?? next.searchParams.get('$skiptoken') ?? '';
  if (token.length < 20) throw new Error(`no page token in ${String(next)}`);
  const bytes = Buffer.from(token, 'base64url');
  const flipped = [0, 13, bytes.length - 1].map((at) => {
    const copy = new Uint8Array(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return Buffer.from(copy).toString('base64url');
  });
  const cursor = Buffer.from(JSON.stringify({ cursor: 'a', expiresAt: 9e15 })).toString('base64url');
  const forged = [...flipped, cursor, '', '0', '-1', "' or 1=1 --", token.slice(1), token.slice(0, -8), `${token}AAAA`];
  const of = (what: string, path: string, text: string): Hostile => ({
    what: `a page token ${what}`,
    ask: { method: 'GET', target: `${path}?${version}&$top=1&$skipToken=${encodeURIComponent(text)}` },
    codes: ['InvalidSkipToken'],
  });
  const mine = `${server.vault}/backupJobs`;
  return [
    ...[...forged, 'A'.repeat(5000)].map((text) => of('that is forged', mine, text)),
    of('of another list', `${server.vault}/backupPolicies`, token),
    of('of another vault', `${server.vault.replace(/keep$/, 'other')}/backupJobs`, token),
    {
      what: 'a page token of another filter',
      ask: {
        method: 'GET',
        target: `${mine}?${version}&$filter=${encodeURIComponent("status eq 'Completed'")}&$skipToken=${token}`,
      },
      codes: ['InvalidSkipToken'],
    },
    {
      what: 'a page token of another caller',
      ask: { method: 'GET', target: `${mine}?${version}&$top=1&$skipToken=${token}`, as: 'stranger' },
      codes: ['AuthorizationFailed'],
    },
  ];
}
