import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, startApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { TurnedClock } from '../../src/lib/turnedClock.ts';
import { FakeHost } from '../../src/machine/fakeHost.ts';
import { openImageHost } from '../../src/machine/imageHost.ts';
import { freePort } from '../e2e/guestRig.ts';
import { signed } from '../scenarios/scenarioClient.ts';
import type { Ask, Got, Who } from './hostile.ts';

/** A request that is not answered by then hangs. */
const PATIENCE_MS = 20_000;
/** Tables that grow by being asked: what was refused is written down. */
const GROWS = ['audit_events'];

interface Parts {
  readonly app: App;
  readonly clock: TurnedClock;
  readonly host: FakeHost;
  readonly folder: string;
  readonly port: number;
}

/** The whole server: real database, store, TLS and roles, machines in memory, and time that stands still. */
export class HostileServer implements AsyncDisposable {
  readonly clock: TurnedClock;
  readonly host: FakeHost;
  readonly port: number;
  readonly ca: string;
  readonly tenantId: string;
  /** Of the owner. */
  readonly clientId: string;
  readonly endpoint: string;
  readonly subscription: string;
  readonly group: string;
  readonly vault: string;
  readonly secrets: string[] = [];
  /** Of the storage account 'staging1', Base64. */
  accountKey = '';
  /** Values of path parameters that lead to what exists. */
  readonly known: Record<string, string>;
  readonly #parts: Parts;
  readonly #agent: Agent;
  readonly #tokens = new Map<Who, string>();

  private constructor(parts: Parts) {
    const { client } = parts.app;
    this.#parts = parts;
    ({ clock: this.clock, host: this.host, port: this.port } = parts);
    this.ca = readFileSync(client.caFile, 'utf8');
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8, ca: this.ca });
    this.tenantId = client.tenantId;
    this.clientId = client.clientId;
    this.endpoint = client.endpoint;
    this.subscription = `/subscriptions/${client.subscriptionId}`;
    this.group = `${this.subscription}/resourceGroups/shop`;
    this.vault = `${this.group}/providers/Microsoft.RecoveryServices/vaults/keep`;
    this.secrets.push(client.clientSecret);
    this.known = {
      subscriptionId: client.subscriptionId,
      resourceGroupName: 'shop',
      vaultName: 'keep',
      fabricName: 'Azure',
      containerName: 'iaasvmcontainer;iaasvmcontainerv2;shop;web01',
      protectedItemName: 'vm;iaasvmcontainerv2;shop;web01',
      policyName: 'DefaultPolicy',
      vmName: 'web01',
      azureRegion: 'westeurope',
      location: 'westeurope',
    };
  }

  static async open(): Promise<HostileServer> {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-hostile-'));
    // certificates are judged by the true time: the story begins this morning
    const clock = new TurnedClock(`${new Date().toISOString().slice(0, 10)}T08:00:00Z`);
    const host = new FakeHost({ name: 'rack', folder: join(folder, 'rack'), clock });
    const port = await freePort();
    const env = {
      STRONGROOM_DATA: join(folder, 'data'),
      STRONGROOM_PORT: String(port),
      STRONGROOM_LOG: 'silent',
      STRONGROOM_REQUESTS_PER_MINUTE: '1000000',
    };
    const place = { folder: join(folder, 'images'), stateFolder: join(folder, 'image-state'), diskRoots: [] };
    await mkdir(place.folder);
    await mkdir(join(folder, 'rack'));
    const images = await openImageHost({ name: 'images', ...place, clock, log: silentLogger });
    const app = await startApp(readConfig(env), clock, [host, images]);
    const server = new HostileServer({ app, clock, host, folder, port });
    await server.#furnish();
    return server;
  }

  /** Sends it as it stands. Errors: a connection that fails, an answer that does not come. */
  async ask({ as = 'owner', ...ask }: Ask): Promise<Got> {
    const authorization = as === 'nobody' ? undefined : `Bearer ${await this.token(as)}`;
    const headers = { ...(authorization && { authorization }), ...ask.headers };
    return this.#send({ ...ask, headers });
  }

  /** For what must succeed: the way to a state. `path` with its api-version. */
  async must(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const got = await this.ask({ method, target: path, ...sent });
    if (got.status >= 300) throw new Error(`${method} ${path}: ${got.status} ${got.text}`);
    return got.text === '' ? {} : (JSON.parse(got.text) as Record<string, unknown>);
  }

  async token(who: Exclude<Who, 'nobody'>): Promise<string> {
    const known = this.#tokens.get(who);
    if (known !== undefined) return known;
    const { client } = this.#parts.app;
    const [id, secret] = who === 'owner' ? [client.clientId, client.clientSecret] : await this.#stranger();
    const form = new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: id, client_secret: secret },
      scope: `${client.endpoint}/.default`,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const target = `/${client.tenantId}/oauth2/v2.0/token`;
    const got = await this.#send({ method: 'POST', target, headers, body: form.toString() });
    const { access_token: token } = JSON.parse(got.text) as { access_token?: string };
    if (token === undefined) throw new Error(`no token: ${got.text}`);
    this.#tokens.set(who, token);
    this.secrets.push(token);
    return token;
  }

  /** All rows and files, but what grows by being asked: two that are equal mean that nothing changed. */
  state(): ReadonlyMap<string, string> {
    const { folder, app } = this.#parts;
    const state = new Map<string, string>();
    const db = new DatabaseSync(app.data.database, { readOnly: true });
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
    for (const { name } of tables) {
      if (GROWS.includes(name)) continue;
      const rows = db
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => JSON.stringify(row));
      state.set(name, `${rows.length} rows ${createHash('sha256').update(rows.toSorted().join('\n')).digest('hex')}`);
    }
    db.close();
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (/\.(db|sqlite)(-wal|-shm)?$|audit/i.test(entry.name) || entry.isDirectory()) continue;
      state.set(path.slice(folder.length), `${statSync(path).size} bytes`);
    }
    return state;
  }

  /** Nothing of this stands in an answer. */
  get folder(): string {
    return this.#parts.folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#parts.app[Symbol.asyncDispose]();
    await rm(this.#parts.folder, { recursive: true, force: true });
  }

  /** Two machines, one of them with a recovery point, two vaults, and one of each neighbour. */
  async #furnish(): Promise<void> {
    for (const name of ['web01', 'db01']) {
      const disks = [{ lun: -1, name: `${name}-os`, sizeBytes: 2 ** 20 }];
      await this.host.addMachine({ name, resourceGroup: 'shop', disks });
    }
    const location = 'westeurope';
    await this.must('PUT', `${this.subscription}/resourceGroups/shop?api-version=2021-04-01`, { location });
    const providers = `${this.group}/providers`;
    for (const name of ['keep', 'other']) {
      const vault = `${providers}/Microsoft.RecoveryServices/vaults/${name}`;
      const body = { location, sku: { name: 'RS0', tier: 'Standard' }, properties: { publicNetworkAccess: 'Enabled' } };
      await this.must('PUT', `${vault}?api-version=2024-04-01`, body);
    }
    await this.must('PUT', `${providers}/Microsoft.Storage/storageAccounts/staging1?api-version=2023-01-01`, {
      ...{ location, kind: 'StorageV2', sku: { name: 'Standard_LRS' }, properties: {} },
    });
    const keys = await this.must(
      'POST',
      `${providers}/Microsoft.Storage/storageAccounts/staging1/listKeys?api-version=2023-01-01`,
    );
    this.secrets.push(...(keys.keys as { value: string }[]).map(({ value }) => value));
    [, , this.accountKey = ''] = this.secrets;
    await this.#putBlob();
    await this.#backUp();
    await this.token('stranger');
  }

  /** 'b' in the container 'box'. */
  async #putBlob(): Promise<void> {
    const root = `https://staging1.blob.localhost:${this.port}`;
    for (const [path, body, headers] of [
      ['/box?restype=container', '', {}],
      ['/box/b', 'secret of the box', { 'x-ms-blob-type': 'BlockBlob' }],
    ] as const) {
      const url = new URL(path, root);
      const length = { 'content-length': String(body.length) };
      const sent = signed({ method: 'PUT', url, headers, body }, this.accountKey, this.clock.now());
      const got = await this.#send({
        method: 'PUT',
        target: path,
        headers: { ...sent, ...length, host: url.host },
        body,
      });
      if (got.status !== 201) throw new Error(`${path}: ${got.status} ${got.text}`);
    }
  }

  async #backUp(): Promise<void> {
    const { fabricName, containerName, protectedItemName } = this.known;
    const item = `${this.vault}/backupFabrics/${fabricName}/protectionContainers/${containerName}/protectedItems/${protectedItemName}`;
    const version = 'api-version=2025-02-01';
    const properties = {
      protectedItemType: 'Microsoft.Compute/virtualMachines',
      sourceResourceId: `${this.group}/providers/Microsoft.Compute/virtualMachines/web01`,
      policyId: `${this.vault}/backupPolicies/DefaultPolicy`,
    };
    await this.must('PUT', `${item}?${version}`, { properties });
    await this.settle();
    await this.must('POST', `${item}/backup?${version}`, { properties: { objectType: 'IaasVMBackupRequest' } });
    await this.settle();
    const points = await this.must('GET', `${item}/recoveryPoints?${version}`);
    const [point] = points.value as { name: string }[];
    if (point === undefined) throw new Error('the backup left no recovery point');
    const jobs = await this.must('GET', `${this.vault}/backupJobs?${version}`);
    const [job] = jobs.value as { name: string }[];
    Object.assign(this.known, { recoveryPointId: point.name, jobName: job?.name });
  }

  /** Until no job runs. */
  async settle(): Promise<void> {
    const running = `${this.vault}/backupJobs?api-version=2025-02-01&$filter=${encodeURIComponent("status eq 'InProgress'")}`;
    const deadline = Date.now() + 3 * PATIENCE_MS;
    for (let turn = 0; Date.now() < deadline; turn++) {
      const { value } = await this.must('GET', running);
      if ((value as unknown[]).length === 0) return;
      await this.clock.turn(1000);
      await delay(Math.min(10 + 5 * turn, 100));
    }
    throw new Error('the jobs do not end');
  }

  async #stranger(): Promise<[id: string, secret: string]> {
    const id = '5a5a5a5a-0000-4000-8000-000000000001';
    const path = `${this.subscription}/providers/Strongroom.Identity/principals/${id}?api-version=2026-01-01`;
    const made = await this.must('PUT', path, { properties: { kind: 'ServicePrincipal', displayName: 'stranger' } });
    const { appId, secretText } = made.properties as { appId: string; secretText: string };
    this.secrets.push(secretText);
    return [appId, secretText];
  }

  #send({ method, target, headers = {}, body }: Ask): Promise<Got> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const address = { host: '127.0.0.1', port: this.port, servername: 'localhost', path: target };
      const all = { host: `localhost:${this.port}`, ...headers } as Record<string, string | string[]>;
      const sent = httpsRequest({ ...address, method, headers: all, agent: this.#agent, signal }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString(),
          }),
        );
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
