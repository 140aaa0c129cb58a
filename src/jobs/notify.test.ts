import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { raiseAlert } from '../db/alerts.ts';
import { type ArmResource, putArmResource } from '../db/armResources.ts';
import type { Database } from '../db/database.ts';
import { notificationsAbout } from '../db/notifications.ts';
import { openDatabase } from '../db/openDatabase.ts';
import { insertVault } from '../db/vaults.ts';
import { silentLogger } from '../lib/log.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import type { Alert } from '../vault/alert.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { newVault } from '../vault/vaultRules.ts';
import { Notifier, type NotifierOptions } from './notify.ts';
import { selfSigned } from './selfSigned.fixture.ts';

const PLACE = { subscriptionId: 'sub-1', resourceGroup: 'Quay', name: 'Harbour', location: 'north' };
const GROUP = '/subscriptions/sub-1/resourceGroups/Quay/providers/Microsoft.Insights/actionGroups/keepers';

interface Rig extends AsyncDisposable {
  readonly db: Database;
  readonly clock: TurnedClock;
  raise(): Promise<Alert>;
  notifier(options?: Partial<NotifierOptions>): Notifier;
}

/** A vault whose alerts all go to one action group. */
async function rigOf(receivers: Record<string, unknown>): Promise<Rig> {
  const db = await openDatabase({ path: ':memory:' });
  const clock = new TurnedClock();
  const vault = newVault({ ...PLACE, id: 'v1' }, clock.now());
  await insertVault(db.queries, vault);
  const resource = (type: string, name: string, properties: Record<string, unknown>): ArmResource => ({
    id: `/subscriptions/sub-1/resourceGroups/Quay/providers/${type}/${name}`,
    ...{ type, name, subscriptionId: 'sub-1', resourceGroup: 'Quay', tags: {}, properties, other: {} },
    ...{ createdAt: 0, updatedAt: 0 },
  });
  const actions = [{ actionType: 'AddActionGroups', actionGroupIds: [GROUP] }];
  const rule = { scopes: [vaultArmId(vault)], conditions: [], actions, enabled: true };
  await putArmResource(
    db.queries,
    resource('Microsoft.Insights/actionGroups', 'keepers', { enabled: true, ...receivers }),
  );
  await putArmResource(db.queries, resource('Microsoft.AlertsManagement/actionRules', 'tell', rule));
  return {
    db,
    clock,
    raise: () =>
      db.transaction((tx) =>
        raiseAlert(tx, {
          ...{ kind: 'BackupFailure', vaultId: 'v1', about: 'lantern', errorCode: 'HostUnavailable' },
          ...{ description: 'The host is silent.', at: clock.now() },
        }),
      ),
    notifier: (options = {}) => new Notifier({ db, clock, log: silentLogger }, { allowed: [], ...options }),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Hook extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  readonly received: Received[];
  /** Statuses of the next answers; then 200. 0: no answer at all. */
  readonly answers: number[];
}

async function hookOf(): Promise<Hook> {
  const tls = await selfSigned('localhost');
  const [received, answers]: [Received[], number[]] = [[], []];
  const server: Server = createServer(tls, async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
    const status = answers.shift() ?? 200;
    if (status !== 0) response.writeHead(status, { location: 'https://localhost:1/elsewhere' }).end('thanks');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/hook?code=secret`,
    ca: tls.cert,
    ...{ received, answers },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const webhook = (serviceUri: string) => ({ webhookReceivers: [{ name: 'pager', serviceUri }] });
const stateOf = async (rig: Rig, alert: Alert) =>
  (await notificationsAbout(rig.db.queries, alert.id)).map(({ state, attempts, lastError }) => [
    state,
    attempts,
    lastError,
  ]);

test('an alert reaches a webhook in the common alert schema, with an id and a signature', async () => {
  await using hook = await hookOf();
  await using rig = await rigOf(webhook(hook.url));
  const alert = await rig.raise();
  const signingKey = Buffer.from('a key of some length');
  await rig.notifier({ ca: hook.ca, signingKey }).tick();
  assert.deepEqual(await stateOf(rig, alert), [['sent', 1, undefined]]);
  const [message] = hook.received;
  const { schemaId, data } = JSON.parse(message?.body ?? '{}');
  assert.equal(schemaId, 'azureMonitorCommonAlertSchema');
  assert.deepEqual(
    [
      data.essentials.alertRule,
      data.essentials.severity,
      data.essentials.monitorCondition,
      data.essentials.alertTargetIDs,
    ],
    ['Backup Failure', 'Sev1', 'Fired', [alert.target]],
  );
  const [, at = '', signature] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(message?.headers['strongroom-signature'])) ?? [];
  assert.equal(signature, createHmac('sha256', signingKey).update(`${at}.${message?.body}`).digest('hex'));
  assert.match(String(message?.headers['strongroom-delivery']), /^[0-9a-f-]{36}$/);
});

test('a receiver that is down is tried again, longer and longer, always with the same id; then it is given up', async () => {
  await using hook = await hookOf();
  await using rig = await rigOf(webhook(hook.url));
  const alert = await rig.raise();
  const notifier = rig.notifier({ ca: hook.ca });
  hook.answers.push(500, 503, 429, 500, 500, 500, 500);
  for (const restMs of [10_000, 60_000, 300_000, 1_800_000, 7_200_000, 21_600_000]) {
    await notifier.tick();
    const before = hook.received.length;
    await rig.clock.turn(restMs - 1);
    await notifier.tick();
    assert.equal(hook.received.length, before, `not before ${restMs} ms are over`);
    await rig.clock.turn(1);
  }
  await notifier.tick();
  await rig.clock.turn(100_000_000);
  await notifier.tick();
  assert.deepEqual(await stateOf(rig, alert), [['failed', 7, 'the receiver answered 500']]);
  assert.equal(new Set(hook.received.map(({ headers }) => headers['strongroom-delivery'])).size, 1);
});

test('a redirect is not followed, and a refusal is final', async () => {
  await using hook = await hookOf();
  await using rig = await rigOf(webhook(hook.url));
  hook.answers.push(302);
  const alert = await rig.raise();
  await rig.notifier({ ca: hook.ca }).tick();
  assert.deepEqual(await stateOf(rig, alert), [['failed', 1, 'the receiver answered 302; redirects are not followed']]);
});

test('a receiver that never answers costs ten seconds, not the loop', async () => {
  await using hook = await hookOf();
  await using rig = await rigOf(webhook(hook.url));
  hook.answers.push(0);
  const alert = await rig.raise();
  const ticking = rig.notifier({ ca: hook.ca }).tick();
  while (hook.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await rig.clock.turn(10_000);
  await ticking;
  assert.deepEqual(await stateOf(rig, alert), [['waiting', 1, 'there was no answer in 10 seconds']]);
});

test('stopped in the middle of a delivery, the next start delivers it, under the same id', async () => {
  await using hook = await hookOf();
  await using rig = await rigOf(webhook(hook.url));
  hook.answers.push(0);
  const alert = await rig.raise();
  const first = rig.notifier({ ca: hook.ca });
  first.start();
  while (hook.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await first.stop();
  assert.deepEqual(await stateOf(rig, alert), [['waiting', 0, undefined]]);
  await rig.notifier({ ca: hook.ca }).tick();
  assert.deepEqual(await stateOf(rig, alert), [['sent', 1, undefined]]);
  assert.equal(new Set(hook.received.map(({ headers }) => headers['strongroom-delivery'])).size, 1);
});

test('nothing is sent to metadata or link-local addresses, or in clear over a network', async () => {
  for (const url of [
    'https://169.254.169.254/latest',
    'https://[fe80::1]/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://168.63.129.16/x',
    'https://0.0.0.0/x',
    'http://pager.example/x',
    'file:///etc/passwd',
    'nonsense',
  ]) {
    await using rig = await rigOf(webhook(url));
    const alert = await rig.raise();
    await rig.notifier().tick();
    const [[state, , why] = []] = await stateOf(rig, alert);
    assert.deepEqual([state, /serviceUri/.test(String(why))], ['failed', true], `${url}: ${String(why)}`);
  }
});

test('an alert that is silenced, or that no rule wants, is told to nobody', async () => {
  await using rig = await rigOf(webhook('https://localhost:1/'));
  const rule = {
    scopes: ['/subscriptions/sub-1'],
    conditions: [],
    actions: [{ actionType: 'RemoveAllActionGroups' }],
    enabled: true,
  };
  const type = 'Microsoft.AlertsManagement/actionRules';
  await putArmResource(rig.db.queries, {
    id: `/subscriptions/sub-1/resourceGroups/Quay/providers/${type}/hush`,
    ...{ type, name: 'hush', subscriptionId: 'sub-1', resourceGroup: 'Quay', tags: {}, properties: rule, other: {} },
    ...{ createdAt: 0, updatedAt: 0 },
  });
  const alert = await rig.raise();
  await rig.notifier().tick();
  assert.deepEqual(await stateOf(rig, alert), []);
});

/** A mail server of few words; each mail as it came, envelope first. */
async function mailServer(
  refuse?: string,
): Promise<AsyncDisposable & { readonly url: string; readonly mails: string[] }> {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    let [pending, mail, isData] = ['', '', false];
    socket.on('error', () => {});
    socket.write('220 mail.example\r\n');
    socket.on('data', (chunk) => {
      pending += chunk.toString();
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        if (isData && line === '.') {
          isData = false;
          mails.push(mail);
          socket.write('250 taken\r\n');
        } else if (isData) mail += `${line}\n`;
        else if (/^RCPT/i.test(line) && refuse) socket.write(`${refuse}\r\n`);
        else if (/^DATA/i.test(line)) {
          isData = true;
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
        else {
          if (/^(MAIL|RCPT)/i.test(line)) mail += `${line}\n`;
          socket.write('250 ok\r\n');
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const MAIL = { emailReceivers: [{ name: 'keeper', emailAddress: 'keeper@quay.example', status: 'Enabled' }] };

test('an alert reaches people by mail, with what happened and where', async () => {
  await using server = await mailServer();
  await using rig = await rigOf(MAIL);
  const alert = await rig.raise();
  await rig.notifier({ smtp: { url: server.url, from: 'vault@quay.example' } }).tick();
  assert.deepEqual(await stateOf(rig, alert), [['sent', 1, undefined]]);
  const [mail = ''] = server.mails;
  assert.match(mail, /RCPT TO:<keeper@quay\.example>/i);
  assert.match(mail, /Subject: Fired: Sev1 Backup Failure lantern/);
  assert.match(mail, /The host is silent\./);
  assert.match(mail, /Message-ID: <[0-9a-f-]{36}@strongroom>/i);
});

test('a mail that the server refuses for good is given up, one it puts off is tried again', async () => {
  for (const [answer, expected] of [
    ['550 no such person', 'failed'],
    ['451 later', 'waiting'],
  ] as const) {
    await using server = await mailServer(answer);
    await using rig = await rigOf(MAIL);
    const alert = await rig.raise();
    await rig.notifier({ smtp: { url: server.url, from: 'vault@quay.example' } }).tick();
    assert.equal((await stateOf(rig, alert))[0]?.[0], expected, answer);
  }
});

test('without a mail server, and to a receiver that is switched off, no mail goes', async () => {
  await using rig = await rigOf(MAIL);
  const alert = await rig.raise();
  await rig.notifier().tick();
  assert.deepEqual(await stateOf(rig, alert), [['failed', 1, 'no mail server is configured here (STRONGROOM_SMTP)']]);
  await using off = await rigOf({ emailReceivers: [{ ...MAIL.emailReceivers[0], status: 'Disabled' }] });
  const silent = await off.raise();
  await off.notifier().tick();
  assert.deepEqual(await stateOf(off, silent), []);
});
