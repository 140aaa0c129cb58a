import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { TurnedClock } from '../lib/turnedClock.ts';
import { directory } from './directory.ts';
import { GROUP_PATH, type House, openHouse, SUBSCRIPTION, TENANT } from './testing/house.ts';

const AZ = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const PASSWORD = 'correct horse battery';
const clock = new TurnedClock(Date.now());
let house: House;
let alice: string;
before(async () => {
  house = await openHouse(clock);
  alice = randomUUID();
  await people().create(alice, {
    kind: 'User',
    displayName: 'Alice',
    userPrincipalName: 'Alice@example.org',
    password: PASSWORD,
  });
});
after(() => house[Symbol.asyncDispose]());

const people = () => directory({ db: house.db, clock, tenantId: TENANT, subscriptionId: SUBSCRIPTION });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  readonly body: any;
}

const send = (
  method: string,
  path: string,
  form?: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const type: Record<string, string> =
      form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const options = { method, headers: { ...type, ...headers }, ca: house.tls.caPem, agent: false as const };
    const sent = request(`${house.baseUrl}${path}`, options, (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () =>
        resolve({
          ...{ status: response.statusCode ?? 0, headers: response.headers, text },
          body: text.startsWith('{') ? JSON.parse(text) : undefined,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(form === undefined ? '' : new URLSearchParams(form).toString());
  });

const scope = () => `${house.baseUrl}/.default offline_access openid profile`;
const token = (form: Record<string, string>) =>
  send('POST', '/adfs/oauth2/token', { client_id: AZ, scope: scope(), ...form });
const byPassword = (change: Record<string, string> = {}) =>
  token({ grant_type: 'password', username: 'alice@EXAMPLE.org', password: PASSWORD, ...change });
const ask = (access: string) =>
  send('GET', `${GROUP_PATH}?api-version=2021-04-01`, undefined, { authorization: `Bearer ${access}` });

test('a user signs in with a password and gets the three tokens that az reads', async () => {
  const { status, body } = await byPassword();
  assert.equal(status, 200);
  const access = decodeJwt(body.access_token);
  const told = [access.oid, access.upn, access.idtyp, access.scp, access.appid, access.aud];
  assert.deepEqual(told, [alice, 'alice@example.org', 'user', 'user_impersonation', AZ, house.baseUrl]);
  const id = decodeJwt(body.id_token);
  assert.deepEqual(
    [id.aud, id.tid, id.upn, id.preferred_username],
    [AZ, TENANT, 'alice@example.org', 'alice@example.org'],
  );
  assert.equal(decodeProtectedHeader(body.id_token).typ, 'JWT');
  assert.equal((await ask(body.access_token)).status, 403, 'known, but without a role');
  assert.equal((await ask(body.id_token)).status, 401, 'an id token opens nothing');
  assert.equal((await byPassword({ client_id: randomUUID() })).body.error, 'unauthorized_client');
  const unknown = await byPassword({ username: 'nobody@example.org' });
  const wrong = await byPassword({ username: 'alice@example.org', password: 'wrong horse battery' });
  const plain = (text: string) => text.replace(/Trace ID.*/, '');
  assert.equal(plain(unknown.body.error_description), plain(wrong.body.error_description), 'names are not given away');
  assert.deepEqual(wrong.body.error_codes, [50126]);
});

test('refresh tokens: each use gives the next one; one that comes back late ends the sign-in', async () => {
  const first: string = (await byPassword()).body.refresh_token;
  const refresh = (refresh_token: string, client = AZ) =>
    token({ grant_type: 'refresh_token', refresh_token, client_id: client });
  const second = await refresh(first);
  assert.equal(second.status, 200);
  assert.notEqual(second.body.refresh_token, first);
  assert.equal((await refresh(first)).status, 200, 'at once: two commands that began together');
  assert.equal((await refresh(second.body.refresh_token, '1950a258-227b-4e31-a9cf-717495945fc2')).status, 400);
  await clock.turn(31_000);
  assert.equal((await refresh(first)).body.error, 'invalid_grant', 'stolen');
  assert.equal((await refresh(second.body.refresh_token)).body.error, 'invalid_grant', 'and the whole family with it');
  const other: string = (await byPassword()).body.refresh_token;
  await people().setPassword(alice, PASSWORD);
  assert.equal((await refresh(other)).status, 400, 'a new password signs out everywhere');
  const old: string = (await byPassword()).body.refresh_token;
  await clock.turn(15 * 86_400_000);
  assert.equal((await refresh(old)).status, 400, 'ended');
});

const field = (page: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? '';

test('device code: the page ends a sign-in once, for its client, and only through its own form', async () => {
  const begin = () => send('POST', `/${TENANT}/oauth2/v2.0/devicecode`, { client_id: AZ, scope: scope() });
  const { body: begun } = await begin();
  assert.equal(new URL(begun.verification_uri).origin, house.baseUrl);
  const poll = (change = {}) =>
    token({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: begun.device_code, ...change });
  assert.equal((await poll()).body.error, 'authorization_pending');
  const path = new URL(begun.verification_uri).pathname;
  const page = await send('GET', path);
  const cookie = String(page.headers['set-cookie']).split(';')[0] ?? '';
  assert.match(String(page.headers['set-cookie']), /^__Host-.*Secure; HttpOnly; SameSite=Strict/);
  assert.match(
    String(page.headers['content-security-policy']),
    /^default-src 'none'; style-src 'sha256-[^']*'; form-action 'self'/,
  );
  assert.ok(!page.text.includes('<script'));
  const form = {
    form: field(page.text, 'form'),
    code: begun.user_code,
    username: 'alice@example.org',
    password: PASSWORD,
  };
  const submit = (change: Record<string, string> = {}, headers: Record<string, string> = { cookie }) =>
    send('POST', path, { ...form, ...change }, headers);
  assert.equal((await submit({}, {})).status, 403, 'no cookie');
  assert.equal((await submit({ form: 'A'.repeat(form.form.length) })).status, 403, 'another form');
  assert.equal((await submit({}, { cookie, origin: 'https://evil.example' })).status, 403, 'another site');
  assert.equal((await submit({}, { cookie, 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await submit({ code: 'BBBBBBBBB' })).status, 400);
  assert.equal((await submit({ password: 'wrong horse battery' })).status, 401);
  const hostile = await submit({ username: '<script>alert(1)</script>', password: 'wrong horse battery' });
  assert.ok(!hostile.text.includes('alert'), 'nothing that was sent is shown');
  assert.equal((await poll()).body.error, 'authorization_pending');
  const code = begun.user_code as string;
  assert.equal((await submit({ code: `${code.slice(0, 4).toLowerCase()}-${code.slice(4)}` })).status, 200);
  assert.equal((await submit()).status, 400, 'the code is used');
  assert.equal((await poll({ client_id: '1950a258-227b-4e31-a9cf-717495945fc2' })).body.error, 'expired_token');
  const granted = await poll();
  assert.equal(decodeJwt(granted.body.access_token).oid, alice);
  assert.equal((await poll()).body.error, 'expired_token', 'handed out once');
  const { body: late } = await begin();
  await clock.turn(901_000);
  const ended = await token({
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: late.device_code,
  });
  assert.equal(ended.body.error, 'expired_token');
});

test('guessing passwords is slowed down, on the page and at the token endpoint together', async () => {
  await clock.turn(3_600_000);
  const guess = () => byPassword({ username: 'guessed@example.org', password: 'not this one, I think' });
  for (let i = 0; i < 6; i += 1) assert.equal((await guess()).status, 400);
  const locked = await guess();
  assert.deepEqual([locked.status, locked.headers['retry-after']], [429, '1']);
  assert.equal((await byPassword()).status, 200, 'others are not locked out');
});

test('a certificate signs in by an assertion that is new, short-lived, meant for us and signed by its key', async () => {
  const { pem, key } = await selfSigned();
  const id = randomUUID();
  const { principal } = await people().create(id, { kind: 'ServicePrincipal', displayName: 'signer' });
  await people().addCertificate(id, pem);
  const appId = principal.appId ?? '';
  const thumbprint = (algorithm: string) =>
    createHash(algorithm).update(new X509Certificate(pem).raw).digest('base64url');
  const now = () => Math.floor(clock.now() / 1000);
  const assertion = (claims: object = {}, header: object = {}, by = key) =>
    new SignJWT({
      ...{ iss: appId, sub: appId, aud: `${house.baseUrl}/adfs/oauth2/token` },
      ...{ jti: randomUUID(), iat: now(), exp: now() + 600, ...claims },
    })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', x5t: thumbprint('sha1'), ...header })
      .sign(by);
  const signIn = async (client_assertion: string, client_id = appId) =>
    (
      await token({
        ...{ grant_type: 'client_credentials', client_id, client_assertion },
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      })
    ).status;
  const good = await assertion();
  assert.equal(await signIn(good), 200);
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  assert.equal(await signIn(good), 401, 'used before');
  const bad: Record<string, () => Promise<string>> = {
    'another audience': () => assertion({ aud: 'https://elsewhere.example/token' }),
    'another subject': () => assertion({ sub: randomUUID() }),
    ended: () => assertion({ exp: now() - 120 }),
    'good for a day': () => assertion({ exp: now() + 86_400 }),
    'no jti': () => assertion({ jti: undefined }),
    'another key': () => assertion({}, {}, other),
    'no thumbprint': () => assertion({}, { x5t: undefined }),
    'not a token': async () => 'x.y.z',
  };
  for (const [what, make] of Object.entries(bad)) {
    await clock.turn(1_800_000);
    assert.equal(await signIn(await make()), 401, what);
  }
  await clock.turn(1_800_000);
  assert.equal(await signIn(await assertion({}, { 'x5t#S256': thumbprint('sha256'), alg: 'PS256' })), 200);
});

async function selfSigned(): Promise<{ pem: string; key: KeyObject }> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(crypto);
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{
      serialNumber: '01',
      name: 'CN=robot',
      notBefore: new Date(clock.now() - 1000),
      notAfter: new Date(clock.now() + 90 * 86_400_000),
    },
    ...{ signingAlgorithm: algorithm, keys },
  });
  return { pem: certificate.toString('pem'), key: KeyObject.from(keys.privateKey) };
}
