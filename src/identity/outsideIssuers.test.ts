import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { openDatabase } from '../db/openDatabase.ts';
import { isCoded } from '../lib/error.ts';
import { silentLogger } from '../lib/log.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { databasePrincipals } from './databaseStores.ts';
import { openDevCa } from './devCa.ts';
import { openOutsideIssuers, outsideObjectId } from './outsideIssuers.ts';
import { createServicePrincipal } from './servicePrincipals.ts';
import { createVerifier } from './verifier.ts';

const clock = new TurnedClock(Date.now());
let folder: string;
let provider: Server;
let issuer: string;
/** What the provider publishes, and how often it was asked for it. */
let published: unknown;
let asked = 0;
let discovery: (own: object) => object = (own) => own;
const keys = new Map<string, CryptoKey>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outside-'));
  const { tls } = await openDevCa({ folder, clock });
  provider = createServer(tls, (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/realm/.well-known/openid-configuration') {
      response.end(JSON.stringify(discovery({ issuer, jwks_uri: `${issuer}/keys` })));
    } else if (request.url === '/realm/keys') {
      asked += 1;
      response.end(JSON.stringify(published));
    } else {
      response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
    }
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  issuer = `https://localhost:${(provider.address() as AddressInfo).port}/realm`;
  await publish('k1');
});
after(async () => {
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
  await rm(folder, { recursive: true });
});

async function publish(...names: string[]): Promise<void> {
  const all: JWK[] = [];
  for (const kid of names) {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    keys.set(kid, privateKey);
    all.push({ ...(await exportJWK(publicKey)), kid, use: 'sig' });
  }
  published = { keys: [...all, { kty: 'oct', kid: 'shared', k: 'AAAA' }] };
}

const token = (claims: object = {}, kid = 'k1', header: object = {}): Promise<string> => {
  const now = Math.floor(clock.now() / 1000);
  return new SignJWT({
    ...{
      iss: issuer,
      aud: 'strongroom',
      sub: 'user-17',
      tid: 'blue',
      preferred_username: 'bo@example.org',
      azp: 'web',
    },
    ...{ iat: now, exp: now + 600, ...claims },
  })
    .setProtectedHeader({ alg: 'ES256', kid, ...header })
    .sign(keys.get(kid)!);
};

async function verifierOf(more: object = {}) {
  const file = join(folder, 'oidc.json');
  const settings = { issuer, audiences: ['strongroom'], caFile: join(folder, 'ca.pem'), tenants: ['blue'], ...more };
  await writeFile(file, JSON.stringify({ issuers: [settings] }));
  const db = await openDatabase({ path: ':memory:' });
  const principals = databasePrincipals(db, clock);
  const issuers = await openOutsideIssuers(file, { clock, log: silentLogger, principals });
  return { authenticate: createVerifier({ issuers, clock }), principals, db };
}

const refused = (error: unknown) => isCoded(error, 'InvalidAuthenticationToken');

test('a token of an outside provider comes in under an id of its issuer and subject', async () => {
  const { authenticate } = await verifierOf();
  const who = await authenticate(`Bearer ${await token()}`);
  assert.deepEqual(who, {
    objectId: outsideObjectId(issuer, 'user-17'),
    tenantId: 'blue',
    appId: 'web',
    name: 'bo@example.org',
  });
  assert.match(who.objectId, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const wrong: Record<string, Promise<string>> = {
    audience: token({ aud: 'https://vault.example' }),
    tenant: token({ tid: 'red' }),
    issuer: token({ iss: `${issuer}/` }),
    subject: token({ sub: { a: 1 } }),
    'no end': token({ exp: undefined }),
    'no beginning': token({ iat: undefined }),
    ended: token({ exp: Math.floor(clock.now() / 1000) - 120 }),
    unsigned: token().then((text) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${text.split('.')[1]}.`),
    'a key of the token': token({}, 'k1', {
      kid: 'k9',
      jwk: await exportJWK(keys.get('k1')!)
        .then(({ d: _, ...rest }) => rest)
        .catch(() => ({})),
    }),
  };
  for (const [what, text] of Object.entries(wrong)) {
    await assert.rejects(
      authenticate(`Bearer ${await text}`),
      (error) => refused(error) || isCoded(error, 'ExpiredAuthenticationToken'),
      what,
    );
  }
});

test('keys are fetched once, again for an unknown one, and not for each that somebody makes up', async () => {
  const { authenticate } = await verifierOf();
  asked = 0;
  await Promise.all([1, 2, 3].map(async () => authenticate(`Bearer ${await token()}`)));
  assert.equal(asked, 1);
  await publish('k2');
  await clock.turn(31_000);
  await authenticate(`Bearer ${await token({}, 'k2')}`);
  assert.equal(asked, 2);
  keys.set('k3', (await generateKeyPair('ES256')).privateKey);
  for (let i = 0; i < 20; i += 1)
    await assert.rejects(async () => authenticate(`Bearer ${await token({}, 'k3')}`), refused);
  assert.equal(asked, 2, 'within half a minute');
  published = 'not a key set';
  await clock.turn(3_700_000);
  await authenticate(`Bearer ${await token({}, 'k2')}`);
  await clock.turn(86_400_000);
  await assert.rejects(
    async () => authenticate(`Bearer ${await token({}, 'k2')}`),
    refused,
    'after a day without keys',
  );
  await publish('k1');
});

test('a provider does not speak for those who sign in here, nor as another provider', async () => {
  const { authenticate, principals } = await verifierOf({ objectId: 'asGiven', claims: { subject: 'oid' } });
  const { principal } = await createServicePrincipal(principals, clock, { tenantId: 't', displayName: 'ours' });
  await assert.rejects(async () => authenticate(`Bearer ${await token({ oid: principal.objectId })}`), refused);
  await assert.rejects(async () => authenticate(`Bearer ${await token({ oid: 'no-uuid' })}`), refused);
  const own = '12345678-1234-4123-8123-123456789012';
  assert.equal((await authenticate(`Bearer ${await token({ oid: own })}`)).objectId, own);
  discovery = (found) => ({ ...found, issuer: 'https://elsewhere.example' });
  const { authenticate: other } = await verifierOf();
  await assert.rejects(async () => other(`Bearer ${await token()}`), refused, 'a discovery document of another issuer');
  discovery = (found) => found;
});

test('settings that cannot be used are named', async () => {
  for (const [more, what] of [
    [{ issuer: 'http://plain.example' }, /https/],
    [{ audiences: [] }, /audiences/],
    [{ algorithms: ['HS256'] }, /algorithms/],
    [{ color: 'red' }, /STRONGROOM_OIDC/],
  ] as const) {
    await assert.rejects(verifierOf(more), (error) => isCoded(error, 'InvalidParameter') && what.test(error.message));
  }
});
