import type { Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
/** The public client that az signs users in with. */
const AZ = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** What is asked of the token issuer by who should get nothing. */
export function issuerTricks(server: HostileServer): readonly Hostile[] {
  const { tenantId, clientId: id } = server;
  const scope = `${server.endpoint}/.default`;
  const ask = (
    what: string,
    form: string | Readonly<Record<string, string>>,
    path = `/${tenantId}/oauth2/v2.0/token`,
  ): Hostile => ({
    what: `the issuer: ${what}`,
    ask: {
      ...{ method: 'POST', target: path, headers: FORM, as: 'nobody' },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    },
  });
  const credentials = { grant_type: 'client_credentials', client_id: id, client_secret: 'wrong', scope };
  return [
    ask('nothing', ''),
    ask('no grant', { client_id: id }),
    ...[
      'implicit',
      'authorization_code',
      '__proto__',
      'constructor',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      '',
      'x'.repeat(9000),
    ].map((grant) => ask(`the grant ${grant.slice(0, 40)}`, { ...credentials, grant_type: grant })),
    ...["' or 1=1 --", '*', '', '\u0000', '../..', '{"$ne":""}', 'x'.repeat(9000), '__proto__'].flatMap((text) => [
      ask(`the client ${text.slice(0, 20)}`, { ...credentials, client_id: text }),
      ask(`the secret ${text.slice(0, 20)}`, { ...credentials, client_secret: text }),
      ask(`the scope ${text.slice(0, 20)}`, { ...credentials, scope: text }),
      ask(`the user ${text.slice(0, 20)}`, {
        grant_type: 'password',
        client_id: AZ,
        username: text,
        password: text,
        scope,
      }),
      ask(`the refresh token ${text.slice(0, 20)}`, {
        grant_type: 'refresh_token',
        client_id: AZ,
        refresh_token: text,
        scope,
      }),
      ask(`the device code ${text.slice(0, 20)}`, {
        ...{ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: AZ, device_code: text },
      }),
      ask(`the assertion ${text.slice(0, 20)}`, {
        ...{ grant_type: 'client_credentials', client_id: id, client_assertion: text, scope },
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    ]),
    ask('a field twice', `grant_type=client_credentials&client_id=a&client_id=${id}&client_secret=x&scope=x`),
    ask('a field as a list', 'grant_type[]=client_credentials&client_id[a]=b&client_secret=x'),
    ask('a prototype', '__proto__[polluted]=1&constructor[prototype][polluted]=1&grant_type=client_credentials'),
    ask('half an encoding', 'grant_type=%zz&client_id=%'),
    ask('a form of 20 kB', `grant_type=${'x'.repeat(20_000)}`),
    ask('1 000 fields', Array.from({ length: 1000 }, (_, i) => `f${i}=1`).join('&')),
    ...[
      'common',
      'organizations',
      'adfs',
      '../x',
      '__proto__',
      '00000000-0000-0000-0000-000000000000',
      '%2e%2e',
      'x'.repeat(400),
    ].map((tenant) => ask(`the tenant ${tenant.slice(0, 40)}`, credentials, `/${tenant}/oauth2/v2.0/token`)),
    // a flood of one wrong secret after the other
    ...Array.from({ length: 40 }, (_, i) => ask(`guess ${i}`, { ...credentials, client_secret: `guess${i}` })),
    {
      what: 'the issuer: JSON instead of a form',
      ask: {
        ...{
          method: 'POST',
          target: `/${tenantId}/oauth2/v2.0/token`,
          as: 'nobody',
          body: JSON.stringify(credentials),
        },
        headers: { 'content-type': 'application/json' },
      },
    },
  ];
}
