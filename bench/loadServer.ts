import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Http } from '../src/cli/http.ts';
import type { ClientFile } from '../src/clientFile.ts';
import type { ServerFigures } from './loadProbe.ts';

const GROUP = 'works';
const ENOUGH = 2 ** 30;
const STOPS_WITHIN_MS = 60_000;
const PROBE = new URL('./loadProbe.ts', import.meta.url).href;

/** A server as people start it, in a process of its own, with the rate limit and the limits out of the way. */
export class LoadServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly client: ClientFile;

  private constructor(child: ChildProcess, exited: Promise<unknown>, client: ClientFile) {
    this.#child = child;
    this.#exited = exited;
    this.client = client;
  }

  /** It ends with the bench, however the bench ends: see loadProbe.ts. */
  static async start(data: string): Promise<LoadServer> {
    const env = {
      ...process.env,
      ...{ STRONGROOM_DATA: data, STRONGROOM_PORT: String(await freePort()), STRONGROOM_LOG: 'error' },
      ...{
        STRONGROOM_LIMITS: 'machinesInVault=100000,machinesUnderPolicy=100000',
        STRONGROOM_REQUESTS_PER_MINUTE: String(ENOUGH),
      },
    };
    const words = ['--expose-gc', '--import', PROBE, 'src/main.ts', 'start', '--no-sample'];
    const child = spawn(process.execPath, [...profiling(), ...words], {
      env,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const exited = once(child, 'exit');
    try {
      await Promise.race([listening(child), exited.then(() => Promise.reject(new Error('the server did not start')))]);
      return new LoadServer(child, exited, JSON.parse(readFileSync(join(data, 'client.json'), 'utf8')) as ClientFile);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get subscription(): string {
    return `/subscriptions/${this.client.subscriptionId}`;
  }

  vaultPath(index: number): string {
    return `${this.subscription}/resourceGroups/${GROUP}/providers/Microsoft.RecoveryServices/vaults/vault-${index}`;
  }

  async token(http: Http): Promise<{ readonly base: string; readonly token: string }> {
    const { endpoint: base, tenantId, clientId, clientSecret } = this.client;
    const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
    const { text } = await http.send({
      ...{ method: 'POST', url: `${base}/${tenantId}/oauth2/v2.0/token` },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...form, scope: `${base}/.default` }).toString(),
      signal: AbortSignal.timeout(30_000),
    });
    return { base, token: (JSON.parse(text) as { access_token: string }).access_token };
  }

  /** Vaults with a policy that runs once a week, in three days. */
  async makeVaults(http: Http, count: number): Promise<void> {
    const { base, token } = await this.token(http);
    const put = async (path: string, body: object): Promise<void> => {
      const { status, text } = await http.send({
        ...{ method: 'PUT', url: `${base}${path}?api-version=2025-02-01`, body: JSON.stringify(body) },
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(60_000),
      });
      if (status >= 300) throw new Error(`${path} was answered with ${status}: ${text}`);
    };
    await put(`${this.subscription}/resourceGroups/${GROUP}`, { location: 'westeurope' });
    for (let index = 0; index < count; index++) {
      const redundancySettings = { standardTierStorageRedundancy: 'LocallyRedundant' };
      await put(this.vaultPath(index), { location: 'westeurope', properties: { redundancySettings } });
      await put(`${this.vaultPath(index)}/backupPolicies/weekly`, { properties: weekly() });
    }
  }

  /** Of the time since it was asked last. */
  async figures(): Promise<ServerFigures> {
    const told = once(this.#child, 'message', { signal: AbortSignal.timeout(30_000) });
    this.#child.send('figures');
    const [figures] = (await told) as [ServerFigures];
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const tooLate = setTimeout(() => this.#child.kill('SIGKILL'), STOPS_WITHIN_MS);
    await this.#exited;
    clearTimeout(tooLate);
  }
}

const listening = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => line.includes('Ctrl-C stops') && resolve());
  });

/** Where the processor's time goes: a folder for profiles. */
const profiling = (): string[] => {
  const folder = process.env.STRONGROOM_BENCH_PROFILE;
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
};

function weekly(): object {
  const day = new Date(Date.now() + 3 * 86_400_000).toLocaleDateString('en-US', { weekday: 'long', timeZone: 'UTC' });
  const times = ['2026-01-01T02:30:00Z'];
  return {
    ...{ backupManagementType: 'AzureIaasVM', policyType: 'V1', timeZone: 'UTC', instantRpRetentionRangeInDays: 5 },
    schedulePolicy: {
      ...{ schedulePolicyType: 'SimpleSchedulePolicy', scheduleRunFrequency: 'Weekly' },
      ...{ scheduleRunDays: [day], scheduleRunTimes: times },
    },
    retentionPolicy: {
      retentionPolicyType: 'LongTermRetentionPolicy',
      weeklySchedule: {
        ...{ daysOfTheWeek: [day], retentionTimes: times },
        retentionDuration: { count: 200, durationType: 'Weeks' },
      },
    },
  };
}

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
