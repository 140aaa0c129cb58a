import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { TurnedClock } from '../lib/turnedClock.ts';
import { GROUP_PATH, type House, openHouse, TENANT } from './testing/house.ts';

const clock = new TurnedClock(Date.now());
let house: House;
before(async () => {
  house = await openHouse(clock);
});
after(() => house[Symbol.asyncDispose]());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Record<string, unknown>;
}

const send = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(
      `${house.baseUrl}${path}`,
      { method, headers, ca: house.tls.caPem, agent: false },
      (response) => {
        let text = '';
        response.on('data', (part) => (text += part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text === '' ? {} : JSON.parse(text),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });

const askToken = (path: string, form: Record<string, string>): Promise<Answer> =>
  send('POST', path, { 'content-type': 'application/x-www-form-urlencoded' }, new URLSearchParams(form).toString());

const goodForm = () => ({
  grant_type: 'client_credentials',
  client_id: house.owner.principal.appId,
  client_secret: house.owner.secret,
  scope: `${house.baseUrl}/.default`,
});

test('the official credential signs in over TLS with nothing but the authority to trust, and its token opens the door', async () => {
  const script = `
    import { ClientSecretCredential } from '@azure/identity';
    const [tenant, id, secret, base, path] = process.argv.slice(1);
    for (const options of [[tenant, true], ['adfs', false]]) {
      const credential = new ClientSecretCredential(options[0], id, secret, { authorityHost: base, disableInstanceDiscovery: options[1] });
      for (const scope of [base, 'https://management.azure.com']) {
        const { token } = await credential.getToken(scope + '/.default');
        const response = await fetch(base + path, { headers: { authorization: 'Bearer ' + token } });
        console.log(options[0] === 'adfs' ? 'adfs' : 'tenant', response.status);
      }
    }`;
  const { owner, baseUrl, tls } = house;
  const args = ['--input-type=module', '-e', script, TENANT, owner.principal.appId, owner.secret, baseUrl];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, `${GROUP_PATH}?api-version=2021-04-01`], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: tls.caPath },
  });
  assert.deepEqual(stdout.trim().split('\n'), ['tenant 200', 'tenant 200', 'adfs 200', 'adfs 200']);
});

test('a token is asked for at every shape of URL and says who and for what', async () => {
  const paths = [
    '/adfs/oauth2/token',
    `/${TENANT}/oauth2/v2.0/token?client-request-id=1`,
    `/${TENANT.toUpperCase()}/oauth2/token`,
    '/common/oauth2/v2.0/token',
  ];
  for (const path of paths) {
    const { status, body, headers } = await askToken(path, goodForm());
    assert.equal(status, 200, path);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(body.token_type, 'Bearer');
    assert.equal(body.expires_in, 3600);
    const token = String(body.access_token);
    assert.equal(decodeProtectedHeader(token).typ, 'at+jwt');
    assert.equal(decodeProtectedHeader(token).kid, house.keys.jwks().keys[0]?.kid);
    const claims = decodeJwt(token);
    assert.equal(claims.aud, house.baseUrl);
    assert.equal(claims.oid, house.owner.principal.objectId);
    assert.equal(claims.tid, TENANT);
  }
  const v1 = await askToken('/adfs/oauth2/token', {
    ...goodForm(),
    scope: '',
    resource: 'https://management.azure.com/',
  });
  assert.equal(decodeJwt(String(v1.body.access_token)).aud, 'https://management.azure.com/');
});

test('discovery leads to the token endpoint and the keys', async () => {
  for (const path of ['/adfs/.well-known/openid-configuration', `/${TENANT}/v2.0/.well-known/openid-configuration`]) {
    const { body } = await send('GET', path);
    const [endpoint, keys] = [new URL(String(body.token_endpoint)), new URL(String(body.jwks_uri))];
    assert.equal((await askToken(endpoint.pathname, goodForm())).status, 200);
    assert.deepEqual((await send('GET', keys.pathname)).body, JSON.parse(JSON.stringify(house.keys.jwks())));
    assert.ok(String(body.authorization_endpoint).startsWith(house.baseUrl));
    const { body: granted } = await askToken(endpoint.pathname, goodForm());
    assert.equal(decodeJwt(String(granted.access_token)).iss, body.issuer);
  }
  const { body } = await send('GET', '/common/discovery/instance?api-version=1.1');
  assert.ok(String(body.tenant_discovery_endpoint).startsWith(`${house.baseUrl}/${TENANT}/`));
  assert.equal((await send('GET', '/elsewhere/v2.0/.well-known/openid-configuration')).status, 400);
  for (const key of house.keys.jwks().keys)
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
});

test('refusals have the numbers that clients print', async () => {
  const cases: [change: Record<string, string>, status: number, error: string, number: number][] = [
    [{ client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
    [{ client_secret: '' }, 401, 'invalid_client', 7000215],
    [{ client_id: '00000000-0000-0000-0000-000000000000' }, 400, 'unauthorized_client', 700016],
    [{ grant_type: 'authorization_code' }, 400, 'unsupported_grant_type', 70003],
    [{ grant_type: 'password' }, 400, 'unauthorized_client', 700016],
    [{ scope: 'https://elsewhere.example/.default' }, 400, 'invalid_scope', 70011],
    [{ scope: '' }, 400, 'invalid_scope', 70011],
  ];
  for (const [change, status, error, number] of cases) {
    const { status: got, body } = await askToken('/adfs/oauth2/token', { ...goodForm(), ...change });
    assert.equal(got, status, JSON.stringify(change));
    assert.equal(body.error, error);
    assert.match(String(body.error_description), new RegExp(`^AADSTS${number}: `));
    assert.deepEqual(body.error_codes, [number]);
  }
  assert.match(String((await askToken('/nobody/oauth2/token', goodForm())).body.error_description), /^AADSTS90002: /);
  assert.equal((await send('POST', '/adfs/oauth2/token', { 'content-type': 'application/json' }, '{}')).status, 400);
  assert.equal((await send('POST', '/adfs/oauth2/token', { 'content-type': 'text/xml' }, '<a/>')).status, 415);
  const twice = `client_id=${house.owner.principal.appId}&client_secret=a&client_secret=${house.owner.secret}&grant_type=client_credentials&scope=${house.baseUrl}/.default`;
  assert.equal(
    (await send('POST', '/adfs/oauth2/token', { 'content-type': 'application/x-www-form-urlencoded' }, twice)).status,
    401,
  );
  await clock.turn(3_600_000);
  assert.equal((await askToken('/adfs/oauth2/token', goodForm())).status, 200);
});

test('guessing is slowed down more and more; a right secret in time is let in and forgets', async () => {
  await clock.turn(3_600_000);
  const { appId } = house.stranger.principal;
  const guess = () => askToken('/adfs/oauth2/token', { ...goodForm(), client_id: appId, client_secret: 'guess' });
  const right = () =>
    askToken('/adfs/oauth2/token', { ...goodForm(), client_id: appId, client_secret: house.stranger.secret });
  for (let i = 0; i < 6; i += 1) assert.equal((await guess()).status, 401);
  const locked = await right();
  assert.equal(locked.status, 429);
  assert.equal(locked.headers['retry-after'], '1');
  await clock.turn(1000);
  assert.equal((await guess()).status, 401);
  assert.equal((await guess()).headers['retry-after'], '2');
  assert.equal((await askToken('/adfs/oauth2/token', goodForm())).status, 200, 'another client of the same address');
  await clock.turn(2000);
  assert.equal((await right()).status, 200);
  assert.equal((await guess()).status, 401);
});

test('metadata has the three shapes that clients ask for, doubled slashes or not', async () => {
  const old = (await send('GET', '//metadata/endpoints?api-version=2015-01-01')).body;
  assert.deepEqual(old.authentication, { loginEndpoint: `${house.baseUrl}/adfs`, audiences: [house.baseUrl] });
  assert.deepEqual(Object.keys(old).sort(), ['authentication', 'galleryEndpoint', 'graphEndpoint', 'portalEndpoint']);
  const one = (await send('GET', '/metadata/endpoints?api-version=2022-09-01')).body;
  assert.equal(one.resourceManager, house.baseUrl);
  assert.deepEqual(one.suffixes, {});
  assert.ok(!('vmImageAliasDoc' in one));
  assert.deepEqual((await send('GET', '/metadata/endpoints?api-version=2019-05-01')).body, [one]);
  assert.equal((await send('GET', '/metadata/endpoints')).status, 400);
});

test('a caller without a role is refused', async () => {
  const { body } = await askToken('/adfs/oauth2/token', {
    ...goodForm(),
    client_id: house.stranger.principal.appId,
    client_secret: house.stranger.secret,
  });
  const answer = await send('GET', `${GROUP_PATH}?api-version=2021-04-01`, {
    authorization: `Bearer ${String(body.access_token)}`,
  });
  assert.equal(answer.status, 403);
  assert.equal((answer.body.error as { code: string }).code, 'AuthorizationFailed');
});
