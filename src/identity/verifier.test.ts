import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CompactEncrypt, type JWK } from 'jose';
import type { Authenticate } from '../arm/principal.ts';
import { isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { issuerOf } from './issuer.ts';
import { type KeyRing, openKeyRing } from './keyRing.ts';
import { armAudiences, createVerifier } from './verifier.ts';

const BASE = 'https://vault.example:8443';
const TENANT = '99999999-8888-7777-6666-555555555555';
const clock = new TurnedClock();
const now = Math.floor(clock.now() / 1000);

let folder: string;
let keys: KeyRing;
let authenticate: Authenticate;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verifier-'));
  keys = await openKeyRing({ folder, clock });
  const issuer = { issuer: issuerOf(BASE, TENANT), keys: keys.verificationKey, tokenType: 'at+jwt' };
  authenticate = createVerifier({ issuers: [{ ...issuer, audiences: armAudiences(BASE, true) }], clock });
});
after(() => rm(folder, { recursive: true }));

const good = {
  iss: issuerOf(BASE, TENANT),
  aud: BASE,
  sub: 'object-1',
  oid: 'object-1',
  tid: TENANT,
  appid: 'app-1',
  app_displayname: 'Keeper',
  iat: now,
  nbf: now,
  exp: now + 600,
};

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const kid = (): string => keys.jwks().keys[0]?.kid ?? '';
const header = (change: object = {}) => ({ alg: 'RS256', kid: kid(), typ: 'at+jwt', ...change });
const signed = (claims: object, typ = 'at+jwt'): Promise<string> => keys.sign({ ...good, ...claims }, typ);
const without = (claim: string): Promise<string> => {
  const { [claim as 'iss']: _, ...rest } = good;
  return keys.sign(rest, 'at+jwt');
};

/** Signed by a key that is not ours. */
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const forged = (change: object, claims: object = good): string => {
  const text = `${part(header(change))}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), other.privateKey).toString('base64url')}`;
};
const otherJwk = other.publicKey.export({ format: 'jwk' });

/** HMAC with our public key as the secret: what a verifier falls for that lets the token choose the algorithm. */
const confused = (secret: string | Uint8Array, alg: string): string => {
  const text = `${part(header({ alg }))}.${part(good)}`;
  const hash = `sha${alg.slice(2)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
};
const ourPem = (): string =>
  createPublicKey({ key: keys.jwks().keys[0] as JWK, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString();

const forgeries: Record<string, () => string | Promise<string>> = {
  'alg none, no signature': () => `${part(header({ alg: 'none' }))}.${part(good)}.`,
  'alg NonE': () => `${part(header({ alg: 'NonE' }))}.${part(good)}.AAAA`,
  'alg none under a good signature': async () =>
    `${part(header({ alg: 'none' }))}.${(await signed({})).split('.').slice(1).join('.')}`,
  'HS256 with our public key as PEM': () => confused(ourPem(), 'HS256'),
  'HS512 with our public key as PEM': () => confused(ourPem(), 'HS512'),
  'HS256 with our public modulus': () => confused(Buffer.from(keys.jwks().keys[0]?.n ?? '', 'base64url'), 'HS256'),
  'HS256 with an empty secret': () => confused('', 'HS256'),
  'another key under our kid': () => forged({}),
  'another key under another kid': () => forged({ kid: 'other' }),
  'another key without kid': () => forged({ kid: undefined }),
  'embedded jwk': () => forged({ kid: undefined, jwk: otherJwk }),
  'embedded jwk under our kid': () => forged({ jwk: otherJwk }),
  jku: () => forged({ jku: 'https://evil.example/keys' }),
  x5u: () => forged({ x5u: 'https://evil.example/cert' }),
  x5c: () => forged({ x5c: ['MIIB'] }),
  'kid as a path': () => forged({ kid: '../../../dev/null' }),
  'kid as SQL': () => forged({ kid: "x' OR 1=1 --" }),
  'kid as an object': () => forged({ kid: { a: 1 } }),
  'good header, claims changed': async () => {
    const [head, , signature] = (await signed({})).split('.');
    return `${head}.${part({ ...good, oid: 'someone-else' })}.${signature}`;
  },
  'signature cut': async () => (await signed({})).slice(0, -4),
  'signature empty': async () => `${(await signed({})).split('.').slice(0, 2).join('.')}.`,
  'unknown crit': () => forged({ crit: ['exp'] }),
  'b64 false': () => forged({ crit: ['b64'], b64: false }),
  'wrong issuer': () => signed({ iss: 'https://evil.example/v2.0' }),
  'issuer of another tenant': () => signed({ iss: issuerOf(BASE, '00000000-0000-0000-0000-000000000000') }),
  'issuer with a slash more': () => signed({ iss: `${good.iss}/` }),
  'issuer as an array': () => signed({ iss: [good.iss] }),
  'no issuer': () => without('iss'),
  'wrong audience': () => signed({ aud: 'https://graph.microsoft.com' }),
  'audience that only begins like ours': () => signed({ aud: `${BASE}.evil.example` }),
  'no audience': () => without('aud'),
  'no exp': () => without('exp'),
  'no iat': () => without('iat'),
  'no sub': () => without('sub'),
  'no tid': () => without('tid'),
  'no oid': () => without('oid'),
  'oid that is no text': () => signed({ oid: { $ne: '' } }),
  'exp as text': () => signed({ exp: '9999999999' }),
  'not yet valid': () => signed({ nbf: now + 3600 }),
  'issued in the future': () => signed({ iat: now + 3600 }),
  'issued two days ago and long-lived': () => signed({ iat: now - 172_800, nbf: now - 172_800, exp: now + 172_800 }),
  'an id token': () => signed({}, 'JWT'),
  'a refresh token': () => signed({}, 'rt+jwt'),
  'four parts': async () => `${await signed({})}.x`,
  'two parts': async () => (await signed({})).split('.').slice(0, 2).join('.'),
  'header that is no JSON': async () => `AAAA.${(await signed({})).split('.').slice(1).join('.')}`,
  'payload that is no JSON': async () => `${(await signed({})).split('.')[0]}.AAAA.AAAA`,
  'payload that is an array': () => `${part(header())}.${Buffer.from('[]').toString('base64url')}.AAAA`,
  'compressed payload': () => forged({ zip: 'DEF' }),
  'typ of nothing': () => signed({}, ''),
  'typ of a security event': () => signed({}, 'secevent+jwt'),
  'cty of a nested token': () => forged({ cty: 'JWT' }),
  'x5t of another key': () => forged({ x5t: 'AAAA', 'x5t#S256': 'AAAA' }),
  'kid as a URL': () => forged({ kid: 'https://evil.example/keys/1' }),
  'kid in other case': () => forged({ kid: kid().toUpperCase() }),
  'claims that stand twice': () => {
    const text = `${part(header())}.${Buffer.from(`{"iss":"https://evil.example",${JSON.stringify(good).slice(1)}`).toString('base64url')}`;
    return `${text}.${sign('sha256', Buffer.from(text), other.privateKey).toString('base64url')}`;
  },
  'PS256 by our kid': () => forged({ alg: 'PS256' }),
  'RS512 in the header of another signature': () => forged({ alg: 'RS512' }),
  'a signature of another token': async () => {
    const [a, b] = [await signed({}), await signed({ oid: 'object-2' })];
    return `${b.split('.').slice(0, 2).join('.')}.${a.split('.')[2]}`;
  },
  'padding in the signature': async () => `${await signed({})}==`,
  'a token within a token': async () => `${part(header())}.${Buffer.from(await signed({})).toString('base64url')}.AAAA`,
  'audience as a list without ours': () => signed({ aud: ['https://evil.example', `${BASE}.evil.example`] }),
  'audience of the directory': () => signed({ aud: `${BASE}/graph` }),
  'exp as an array': () => signed({ exp: [now + 600] }),
  'nbf as text': () => signed({ nbf: '0' }),
  'iat as text': () => signed({ iat: String(now) }),
  'a megabyte': () => `${part(header())}.${'A'.repeat(1_000_000)}.AAAA`,
  'a JWE for our public key': () =>
    new CompactEncrypt(Buffer.from(JSON.stringify(good)))
      .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: kid() })
      .encrypt(createPublicKey({ key: keys.jwks().keys[0] as JWK, format: 'jwk' })),
};

for (const [kind, forge] of Object.entries(forgeries)) {
  test(`refused: ${kind}`, async () => {
    await assert.rejects(authenticate(`Bearer ${await forge()}`), (error) =>
      isCoded(error, 'InvalidAuthenticationToken'),
    );
  });
}

test('refused: what is no bearer header', async () => {
  const token = await signed({});
  for (const header of [
    'Bearer',
    'Bearer ',
    `Basic ${token}`,
    token,
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token} `,
    `Bearer  ${token}`,
  ]) {
    await assert.rejects(
      authenticate(header),
      (error) => isCoded(error, 'InvalidAuthenticationToken'),
      header.slice(0, 20),
    );
  }
  await assert.rejects(authenticate(undefined), (error) => isCoded(error, 'AuthenticationFailed'));
});

test('a good token becomes a principal; the word Bearer is read without case', async () => {
  const principal = { objectId: 'object-1', tenantId: TENANT, appId: 'app-1', name: 'Keeper' };
  for (const aud of [BASE, `${BASE}/`, 'https://management.azure.com', 'https://management.core.windows.net/']) {
    assert.deepEqual(await authenticate(`bearer ${await signed({ aud })}`), principal);
  }
});

test('the cloud’s own audience is refused where the configuration says so', async () => {
  const issuer = { issuer: good.iss, keys: keys.verificationKey, audiences: armAudiences(BASE, false) };
  const strict = createVerifier({ issuers: [issuer], clock });
  await assert.rejects(strict(`Bearer ${await signed({ aud: 'https://management.azure.com/' })}`));
  assert.equal((await strict(`Bearer ${await signed({})}`)).objectId, 'object-1');
});

test('a token ends a minute after its end, and says so', async () => {
  const turned = new TurnedClock(clock.now());
  const issuer = { issuer: good.iss, keys: keys.verificationKey, audiences: [BASE] };
  const verify = createVerifier({ issuers: [issuer], clock: turned });
  const header = `Bearer ${await signed({})}`;
  await turned.turn(659_000);
  await verify(header);
  await turned.turn(2000);
  await assert.rejects(verify(header), (error) => {
    assert.ok(isCoded(error, 'ExpiredAuthenticationToken'));
    assert.match(error.message, /expiry UTC time '.*' is earlier than current UTC time/);
    return true;
  });
});

test('after a rotation the new key signs, the old one verifies for two days, and all of it is on disk', async () => {
  const turned = new TurnedClock(clock.now());
  const own = await mkdtemp(join(tmpdir(), 'rotation-'));
  try {
    const ring = await openKeyRing({ folder: own, clock: turned });
    const claims = { ...good, exp: now + 10 * 86_400 };
    const before = await ring.sign(claims, 'at+jwt');
    await ring.rotate();
    const again = await openKeyRing({ folder: own, clock: turned });
    assert.deepEqual(again.jwks(), ring.jwks());
    assert.equal(again.jwks().keys.length, 2);
    const verifier = createVerifier({
      issuers: [{ issuer: good.iss, keys: again.verificationKey, audiences: [BASE] }],
      clock: turned,
    });
    assert.equal((await verifier(`Bearer ${before}`)).objectId, 'object-1');
    assert.equal((await verifier(`Bearer ${await again.sign(claims, 'at+jwt')}`)).objectId, 'object-1');
    await turned.turn(91 * 86_400_000);
    const later = await openKeyRing({ folder: own, clock: turned });
    assert.notEqual(later.jwks().keys[0]?.kid, again.jwks().keys[0]?.kid);
    assert.equal(later.jwks().keys.length, 2, 'the oldest is forgotten');
  } finally {
    await rm(own, { recursive: true });
  }
});
