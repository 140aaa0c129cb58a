import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TurnedClock } from '../lib/turnedClock.ts';
import { openDevCa } from './devCa.ts';

const DAY_MS = 86_400_000;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ca-'));
});
after(() => rm(folder, { recursive: true }));

test('made once, kept, renewed near its end under the same authority, and again when names change', async () => {
  const clock = new TurnedClock();
  const first = await openDevCa({ folder, clock });
  const again = await openDevCa({ folder, clock });
  assert.deepEqual(again, first);
  await clock.turn(360 * DAY_MS);
  assert.equal((await openDevCa({ folder, clock })).tls.cert, first.tls.cert);
  await clock.turn(8 * DAY_MS);
  const renewed = await openDevCa({ folder, clock });
  assert.equal(renewed.caPem, first.caPem);
  assert.notEqual(renewed.tls.cert, first.tls.cert);
  assert.ok(renewed.expiresAt > first.expiresAt);
  const named = await openDevCa({ folder, clock, extraNames: ['vault.example', '10.0.0.7', 'fd00::7'] });
  assert.notEqual(named.tls.cert, renewed.tls.cert);
  assert.ok(new X509Certificate(named.tls.cert).checkHost('vault.example'));
  assert.ok(new X509Certificate(named.tls.cert).checkIP('10.0.0.7'));
  assert.deepEqual(await openDevCa({ folder, clock, extraNames: ['vault.example', '10.0.0.7', 'fd00::7'] }), named);
  await clock.turn(9 * 365 * DAY_MS);
  assert.notEqual((await openDevCa({ folder, clock })).caPem, first.caPem, 'the authority ends too');
});

test('the certificate holds the local names and is the authority’s; keys are for the owner alone', async () => {
  const clock = new TurnedClock();
  const own = join(folder, 'own');
  const { tls, caPem } = await openDevCa({ folder: own, clock });
  const [leaf, ca] = [new X509Certificate(tls.cert), new X509Certificate(caPem)];
  for (const host of ['localhost', 'account.blob.localhost']) assert.ok(leaf.checkHost(host), host);
  for (const ip of ['127.0.0.1', '::1']) assert.ok(leaf.checkIP(ip), ip);
  assert.equal(leaf.checkHost('example.com'), undefined);
  assert.ok(ca.ca && !leaf.ca);
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  const files = await readdir(own);
  assert.deepEqual(files.sort(), ['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
  for (const file of files) {
    const { mode } = await stat(join(own, file));
    assert.equal(mode & 0o777, file.endsWith('-key.pem') ? 0o600 : 0o644, file);
  }
});
