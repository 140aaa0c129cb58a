import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { SkipTokens } from './skipToken.ts';

const scope = { principalId: 'p', path: '/subscriptions/s/Vaults', filter: "name eq 'a'" };
const refused = (error: unknown): boolean => isCoded(error, 'InvalidSkipToken');

test('property: what is sealed opens again, for the same caller, list and filter only', () => {
  const tokens = new SkipTokens(randomBytes(32), new TurnedClock());
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (cursor) => {
      const token = tokens.seal(cursor, scope);
      assert.match(token, /^[A-Za-z0-9_-]+$/);
      assert.equal(tokens.open(token, { ...scope, path: scope.path.toUpperCase() }), cursor);
      for (const change of [{ principalId: 'q' }, { path: '/subscriptions/t/Vaults' }, { filter: '' }]) {
        assert.throws(() => tokens.open(token, { ...scope, ...change }), refused);
      }
    }),
  );
});

test('property: no changed or invented token opens', () => {
  const tokens = new SkipTokens(randomBytes(32), new TurnedClock());
  const bytes = Buffer.from(tokens.seal('7:name', scope), 'base64url');
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const bent = Buffer.from(bytes);
      bent[place] = (bent[place] ?? 0) ^ change;
      assert.throws(() => tokens.open(bent.toString('base64url'), scope), refused);
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => assert.throws(() => tokens.open(text, scope), refused)),
  );
  assert.throws(() => tokens.open('A'.repeat(5000), scope), refused);
  assert.throws(
    () => new SkipTokens(randomBytes(32), new TurnedClock()).open(bytes.toString('base64url'), scope),
    refused,
  );
});

test('a token lives an hour', async () => {
  const clock = new TurnedClock();
  const tokens = new SkipTokens(randomBytes(32), clock);
  const token = tokens.seal('x', scope);
  await clock.turn(3_600_000);
  assert.equal(tokens.open(token, scope), 'x');
  await clock.turn(1);
  assert.throws(() => tokens.open(token, scope), refused);
});
