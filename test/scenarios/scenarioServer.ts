import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, startApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { CodedError, isErrorCode } from '../../src/lib/error.ts';
import { TurnedClock } from '../../src/lib/turnedClock.ts';
import { FakeHost } from '../../src/machine/fakeHost.ts';
import { freePort } from '../e2e/guestRig.ts';
import { differences } from './differences.ts';
import { Receiver } from './receiver.ts';
import { durationMs, filledIn, type MachineStep, type Step, timeNamed, valueAt } from './scenario.ts';
import { type Answer, type Asked, send, signed } from './scenarioClient.ts';

interface Story {
  readonly app: App;
  readonly clock: TurnedClock;
  readonly host: FakeHost;
  readonly folder: string;
  readonly receiver: Receiver;
}

/** `STRONGROOM_LOG=error node --test …` shows why something failed unexpectedly. */
const LOG_LEVEL = process.env.STRONGROOM_LOG ?? 'silent';
/** How long of the true time a step may wait: long enough for a machine that does ten other things. */
const PATIENCE_MS = 60_000;
/** A job that rests between two attempts does not hold up the time it waits for. */
const REST_MS = 3000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 2 ** 20;

/** A whole server for one story: real database, store and TLS, machines in memory, and time that is turned. */
export class ScenarioServer implements AsyncDisposable {
  readonly #story: Story;
  readonly #ca: string;
  readonly #known: Record<string, string>;
  readonly #tokens = new Map<string, { readonly token: string; readonly until: number }>();
  readonly #held = new Map<string, () => void>();

  private constructor(story: Story) {
    this.#story = story;
    const { app, receiver } = story;
    this.#ca = readFileSync(app.client.caFile, 'utf8');
    const subscription = `/subscriptions/${app.client.subscriptionId}`;
    const group = `${subscription}/resourceGroups/shop`;
    const vault = `${group}/providers/Microsoft.RecoveryServices/vaults/keep`;
    const container = 'backupFabrics/Azure/protectionContainers/iaasvmcontainer;iaasvmcontainerv2;shop;web01';
    this.#known = {
      ...{ subscriptionId: app.client.subscriptionId, tenantId: app.client.tenantId, subscription, group, vault },
      machines: `${group}/providers/Microsoft.Compute/virtualMachines`,
      item: `${vault}/${container}/protectedItems/vm;iaasvmcontainerv2;shop;web01`,
      location: 'westeurope',
      webhook: receiver.url,
    };
  }

  /** `settings`: environment of the server besides its folder and port. */
  static async open(settings: Readonly<Record<string, string>> = {}): Promise<ScenarioServer> {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-scenario-'));
    // certificates are judged by the true time: the story begins this morning
    const clock = new TurnedClock(`${new Date().toISOString().slice(0, 10)}T08:00:00Z`);
    const host = new FakeHost({ name: 'rack', folder, clock });
    const port = String(await freePort());
    const env = { STRONGROOM_DATA: join(folder, 'data'), STRONGROOM_PORT: port, STRONGROOM_LOG: LOG_LEVEL };
    // disks of a few MiB are no work for threads, and starting those is most of what a small backup costs
    const small = { STRONGROOM_WORKERS: '0' };
    const app = await startApp(readConfig({ ...small, ...settings, ...env }), clock, [host]);
    return new ScenarioServer({ app, clock, host, folder, receiver: await Receiver.open() });
  }

  /** Does what the step says. Errors: what was answered instead. */
  async run(step: Step): Promise<void> {
    await this.#prepare(step);
    if (step.request !== undefined) await this.#askUntilExpected(step);
    if (step.told !== undefined) await this.#awaitTold(step);
  }

  /** Faults that were prepared and never hit: a story ends with none. */
  get unhit(): readonly string[] {
    return this.#story.host.faults.unhit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const release of this.#held.values()) release();
    await this.#story.app[Symbol.asyncDispose]();
    await this.#story.receiver[Symbol.asyncDispose]();
    await rm(this.#story.folder, { recursive: true, force: true });
  }

  async #prepare({ fault, hold, release, ...step }: Step): Promise<void> {
    const { faults } = this.#story.host;
    if (step.machine !== undefined) await this.#machine(step.machine);
    if (step.write !== undefined) await this.#write(step.write);
    if (step.image !== undefined) await writeFile(join(this.#story.app.data.images, step.image), Buffer.alloc(MIB));
    if (fault !== undefined && !isErrorCode(fault.code)) throw new Error(`${fault.code} is no code`);
    for (let left = fault?.times ?? 1; fault !== undefined && left > 0; left--)
      faults.failNext(fault.operation, new CodedError(fault.code as 'HostUnavailable', 'The rack does not answer.'));
    if (step.mend !== undefined) faults.mend(step.mend);
    if (hold !== undefined) this.#held.set(hold, faults.hold(hold).release);
    if (release !== undefined) this.#held.get(release)?.();
    if (step.turn !== undefined) await this.#turn(step.turn);
  }

  async #askUntilExpected(step: Step): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let turn = 0; ; turn++) {
      const answer = await this.#ask(step);
      const wrong = await this.#wrongWith(step, answer);
      if (wrong.length === 0) {
        const end = step.ends === undefined ? undefined : await this.#followed(step, answer);
        return this.#keep(step, { ...answer, end });
      }
      if (step.until !== true || Date.now() > deadline) throw unexpected(step, wrong, answer);
      await this.#moment(turn);
    }
  }

  /** Polls what the answer began until it is over; the body of the end. */
  async #followed(step: Step, answer: Answer): Promise<unknown> {
    const deadline = Date.now() + PATIENCE_MS;
    const status = answer.headers['azure-asyncoperation'];
    const target = String(status ?? answer.headers.location ?? '');
    if (target === '') throw unexpected(step, ['it names nothing to poll'], answer);
    for (let turn = 0; ; turn++) {
      const now = await this.#ask({ file: step.file, request: `GET ${target}`, ...(step.as ? { as: step.as } : {}) });
      const isOver = status === undefined ? now.status !== 202 : stateOf(now) !== 'InProgress';
      if (isOver) {
        const ends = filledIn(step.ends, this.#name);
        const form = typeof ends === 'object' ? { body: ends } : status === undefined ? { status: ends } : undefined;
        const wrong = differences(form ?? { body: { status: ends } }, now, 'the end');
        if (wrong.length > 0) throw unexpected(step, wrong, now);
        return now.body;
      }
      if (Date.now() > deadline) throw unexpected(step, ['it does not end'], now);
      await this.#moment(turn);
    }
  }

  async #awaitTold(step: Step): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let turn = 0; ; turn++) {
      const wrong = differences(filledIn(step.told, this.#name), this.#story.receiver.told, 'told');
      if (wrong.length === 0) return;
      if (Date.now() > deadline) throw new Error(`${step.file}: ${wrong.join('; ')}`);
      await this.#moment(turn);
    }
  }

  /** Longer and longer of the true time: what takes long is not asked for all the time. */
  async #moment(turn: number): Promise<void> {
    await this.#story.clock.turn(1000);
    await delay(Math.min(10 + 5 * turn, 200));
  }

  /** In leaps, and what is due in between is done in between: a job that runs ends before time leaps on. */
  async #turn(text: string): Promise<void> {
    const [whole = '', leap] = text.split(' by ');
    const wholeMs = durationMs(whole);
    const leapMs = leap === undefined ? (wholeMs < DAY_MS ? HOUR_MS / 2 : 2 * HOUR_MS) : durationMs(leap);
    for (let left = wholeMs; left > 0; left -= leapMs) {
      this.#story.clock.leap(Math.min(left, leapMs));
      if (leapMs < HOUR_MS / 2) await delay(40);
      else await this.#rest();
    }
  }

  /** Twice, for what is due now may only be about to begin. */
  async #rest(): Promise<void> {
    const deadline = Date.now() + REST_MS;
    for (let quiet = 0; quiet < 2 && Date.now() < deadline; ) {
      await delay(10);
      quiet = (await this.#isBusy()) ? 0 : quiet + 1;
    }
  }

  async #isBusy(): Promise<boolean> {
    const request = "GET {vault}/backupJobs?$filter=status eq 'InProgress'";
    const { body } = await this.#ask({ file: '', request });
    return ((body as { value?: readonly unknown[] }).value ?? []).length > 0;
  }

  async #machine({ name, group, gone, disks = [0], ...more }: MachineStep): Promise<void> {
    const ref = { name, resourceGroup: group };
    if (gone) return this.#story.host.removeMachine(ref);
    const data = disks.map((lun) => ({ lun, name: `${name}-data${lun || ''}`, sizeBytes: 3 * MIB }));
    const all = [{ lun: -1, name: `${name}-os`, sizeBytes: 2 * MIB }, ...data];
    await this.#story.host.addMachine({ ...ref, ...more, disks: all });
    for (const { lun } of all) await this.#write(name, group, lun);
  }

  async #write(name: string, resourceGroup = 'shop', lun = 0): Promise<void> {
    const bytes = new Uint8Array(8192).map((_, index) => (index * 31 + lun + this.#story.clock.now()) % 251);
    await this.#story.host.write({ name, resourceGroup }, lun, 65_536, bytes);
  }

  async #wrongWith({ expect, ...step }: Step, answer: Answer): Promise<readonly string[]> {
    if (expect === undefined) return answer.status < 300 ? [] : [`the status is ${answer.status}`];
    const { disk, ...wanted } = filledIn(expect, this.#name);
    const headers = Object.entries(wanted.headers ?? {}).flatMap(([name, part]) => {
      const isPart = !/^[/~]/.test(part);
      const sent = answer.headers[name];
      if (isPart) return String(sent ?? '').includes(part) ? [] : [`header ${name} is ${sent}`];
      return differences(part, sent, `header ${name}`);
    });
    const status = wanted.status === answer.status ? [] : [`the status is ${answer.status}, not ${wanted.status}`];
    const body = Object.hasOwn(expect, 'body') ? differences(wanted.body, answer.body) : [];
    const bytes = disk === undefined || (await this.#isDisk(disk, answer.bytes)) ? [] : ['it is not the disk'];
    return [...status, ...headers, ...body, ...bytes].map((what) => `${step.request}: ${what}`);
  }

  /** A fixed VHD is a disk's bytes with 512 behind them. */
  async #isDisk({ machine, lun }: { machine: string; lun: number }, bytes: Buffer): Promise<boolean> {
    const disk = await readFile(this.#story.host.diskPath({ name: machine, resourceGroup: 'shop' }, lun));
    return bytes.length === disk.length + 512 && bytes.subarray(0, disk.length).equals(disk);
  }

  #keep({ keep = {} }: Step, answer: unknown): void {
    for (const [name, path] of Object.entries(keep)) this.#known[name] = valueAt(answer, path);
  }

  readonly #name = (name: string): string | undefined => this.#known[name] ?? timeNamed(name, this.#story.clock.now());

  async #ask(step: Step): Promise<Answer> {
    const { app, clock } = this.#story;
    const { key, headers = {}, body, text, ...wanted } = filledIn(step, this.#name);
    const [method = 'GET', target = ''] = wanted.request!.split(/ (.*)/s);
    const url = new URL(target, app.client.endpoint);
    const version = step.version ?? '2025-02-01';
    if (version !== 'none' && !url.searchParams.has('api-version')) url.searchParams.set('api-version', version);
    const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const type: Record<string, string> = sent === undefined ? {} : { 'content-type': 'application/json' };
    const asked: Asked = { method, url, headers: { ...type, ...headers }, body: sent };
    if (key !== undefined) return send({ ...asked, headers: signed(asked, key, clock.now()) }, this.#ca);
    if (step.as === 'nobody') return send(asked, this.#ca);
    const authorization = `Bearer ${await this.#token(step.as ?? 'owner')}`;
    return send({ ...asked, headers: { authorization, ...asked.headers } }, this.#ca);
  }

  /** `who`: the owner, or an application that an earlier step kept as {whoId} and {whoSecret}. */
  async #token(who: string): Promise<string> {
    const { app, clock } = this.#story;
    const known = this.#tokens.get(who);
    if (known && known.until > clock.now()) return known.token;
    const { clientId, clientSecret, endpoint, tenantId } = app.client;
    const [id, secret] =
      who === 'owner' ? [clientId, clientSecret] : [this.#known[`${who}Id`], this.#known[`${who}Secret`]];
    const form = new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: id ?? '', client_secret: secret ?? '' },
      scope: `${endpoint}/.default`,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const url = new URL(`/${tenantId}/oauth2/v2.0/token`, endpoint);
    const { body } = await send({ method: 'POST', url, headers, body: form.toString() }, this.#ca);
    const { access_token: token } = body as { access_token?: string };
    if (token === undefined) throw new Error(`no token for ${who}: ${JSON.stringify(body)}`);
    this.#tokens.set(who, { token, until: clock.now() + HOUR_MS / 2 });
    return token;
  }
}

const stateOf = ({ body }: Answer): unknown => {
  const { status } = (body ?? {}) as { status?: string };
  return status === 'Running' || status === 'Accepted' || status === 'Updating' ? 'InProgress' : status;
};

const unexpected = (step: Step, wrong: readonly string[], { status, body }: Answer): Error =>
  new Error(`${step.file}: ${wrong.join('; ')}\nanswered ${status} ${JSON.stringify(body)}`);
