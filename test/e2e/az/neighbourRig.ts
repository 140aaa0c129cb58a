import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeBootableDisk } from '../../../scripts/guest/bootableDisk.ts';
import { buildGuest } from '../../../scripts/guest/build.ts';
import { type App, startApp } from '../../../src/app.ts';
import { readConfig } from '../../../src/config.ts';
import { AzureCli, type AzVersion } from '../../servers/azureCli.ts';
import { freePort, tool } from '../guestRig.ts';

/** The image that machines are made of. */
export const IMAGE_NAME = 'tiny';

/** A server without any machine but with an image to make them of, a secondary place, and a CLI that is signed in. */
export class NeighbourRig implements AsyncDisposable {
  readonly app: App;
  readonly az: AzureCli;
  readonly data: string;

  private constructor(data: string, app: App, az: AzureCli) {
    this.data = data;
    this.app = app;
    this.az = az;
  }

  static async open(version: AzVersion): Promise<NeighbourRig> {
    const data = await mkdtemp(join(tmpdir(), 'strongroom-neighbours-'));
    await putImage(join(data, 'images'));
    const storage = join(data, 'storage.json');
    await writeFile(storage, JSON.stringify(placesIn(data)));
    const env = {
      ...{ STRONGROOM_DATA: data, STRONGROOM_PORT: String(await freePort()), STRONGROOM_LOG: 'error' },
      STRONGROOM_STORAGE: storage,
    };
    const app = await startApp(readConfig(env));
    const az = await AzureCli.start(version, app.client.caFile);
    await az.login(app.client);
    return new NeighbourRig(data, app, az);
  }

  /** A command as one would type it, without the `az`; no word of it holds a space. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  ok(line: string): Promise<any> {
    return this.az.ok(...line.split(' '));
  }

  /** What a command that is refused says. */
  async refused(line: string): Promise<string> {
    return (await this.az.fails(...line.split(' '))).stderr;
  }

  /** `az rest`, the subscription put in. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  rest(method: string, path: string, body?: unknown): Promise<any> {
    const url = path.startsWith('/subscriptions/') ? path : `/subscriptions/${this.app.client.subscriptionId}${path}`;
    const content = body === undefined ? [] : ['--body', JSON.stringify(body)];
    return this.az.ok('rest', '--method', method, '--url', url, ...content);
  }

  /** Asks until the answer `fits`. Errors: it did not, often enough. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  async until(line: string, fits: (answer: any) => boolean): Promise<any> {
    for (let tries = 0; tries < 120; tries++) {
      const answer = await this.ok(line);
      if (fits(answer)) return answer;
      await delay(200);
    }
    throw new Error(`az ${line} never came to what was waited for`);
  }

  /** Until the guest agent of a machine answers. */
  async booted(machine: string): Promise<void> {
    const view = `vm get-instance-view -g lab -n ${machine} --query instanceView.vmAgent.statuses[0].displayStatus`;
    await this.until(view, (status) => status === 'Ready');
  }

  /** A job of the vault 'keep', ended well. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  async ended(job: string, more = ''): Promise<any> {
    const isOver = ({ properties }: { properties: { status: string } }) => properties.status !== 'InProgress';
    const ended = await this.until(`backup job show -g lab -v keep -n ${job}${more}`, isOver);
    assert.equal(ended.properties.status, 'Completed', JSON.stringify(ended.properties.errorDetails));
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.az[Symbol.asyncDispose]();
    const host = this.app.hosts.get('qemu');
    for (const machine of (await host.list()).machines) if (machine.powerState === 'running') await host.stop(machine);
    await this.app[Symbol.asyncDispose]();
    await rm(this.data, { recursive: true, force: true });
  }
}

const placesIn = (data: string) => ({
  places: ['here', 'elsewhere'].map((name) => ({ name, kind: 'disk', folder: join(data, 'places', name) })),
  local: ['here'],
  secondary: ['elsewhere'],
});

/** A disk that boots by itself, as a cloud image does. */
async function putImage(folder: string): Promise<void> {
  await mkdir(folder);
  const raw = join(folder, '.raw');
  await makeBootableDisk(await buildGuest(resolve('.cache/guest')), raw);
  await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, join(folder, `${IMAGE_NAME}.qcow2`));
  await rm(raw);
}
