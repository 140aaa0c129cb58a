import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { guardedLookup, webhookUrl } from './webhookAddress.ts';

const resolved = (host: string, allowed: readonly string[], all: boolean) =>
  new Promise<unknown>((resolve, reject) =>
    guardedLookup(host, allowed)(host, { all }, (error, address) => (error ? reject(error) : resolve(address))),
  );

test('a name is judged by the address it has when the connection is made', async () => {
  for (const all of [true, false]) {
    const asked = resolved('169.254.169.254', [], all);
    await assert.rejects(asked, (error) => isCoded(error, 'InvalidParameter'));
    assert.ok(await resolved('169.254.169.254', ['169.254.169.254'], all), 'unless the operator names it');
    assert.ok(await resolved('10.1.2.3', [], all));
  }
});

test('https leads anywhere but to refused addresses; http to this machine alone', () => {
  const isLegal = (url: string, ...allowed: string[]) => {
    try {
      return webhookUrl(url, allowed) instanceof URL;
    } catch (error) {
      assert.ok(isCoded(error, 'InvalidParameter'), String(error));
      return false;
    }
  };
  for (const url of [
    'https://pager.example/x',
    'https://10.0.0.5:8443/x',
    'http://127.0.0.1:9000/x',
    'http://[::1]/x',
    'HTTP://localhost/x',
  ])
    assert.ok(isLegal(url), url);
  for (const url of [
    'http://10.0.0.5/x',
    'http://localhost.example/x',
    'https://0xa9fea9fe/x',
    'https://2852039166/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[::169.254.169.254]/',
    'https://[2002:a9fe:a9fe::]/',
    'ftp://localhost/',
  ])
    assert.ok(!isLegal(url), url);
  assert.ok(isLegal('https://169.254.169.254/x', '169.254.169.254'));
});
