import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, startApp } from '../../../src/app.ts';
import { readConfig } from '../../../src/config.ts';
import { AzureCli, type AzVersion } from '../../servers/azureCli.ts';
import { freePort, GUEST, makeDataFolder } from '../guestRig.ts';

/** A server of its own with a running guest and an image, and a CLI that is signed in. */
export class AzRig implements AsyncDisposable {
  readonly app: App;
  readonly az: AzureCli;
  readonly data: string;
  /** Of the machines. */
  readonly group = 'lab';
  readonly vault = 'keep';

  private constructor(data: string, app: App, az: AzureCli) {
    this.data = data;
    this.app = app;
    this.az = az;
  }

  static async open(version: AzVersion): Promise<AzRig> {
    const data = await makeDataFolder();
    const env = { STRONGROOM_DATA: data, STRONGROOM_PORT: String(await freePort()), STRONGROOM_LOG: 'error' };
    const app = await startApp(readConfig(env));
    await app.hosts.get('qemu').start(GUEST);
    const az = await AzureCli.start(version, app.client.caFile);
    await az.login(app.client);
    return new AzRig(data, app, az);
  }

  /** '-g lab -v keep', as most commands want it. */
  get inVault(): readonly string[] {
    return ['-g', this.group, '-v', this.vault];
  }

  /** Names a machine and its item. */
  item(machine: string): readonly string[] {
    return [...this.inVault, '-c', machine, '-i', machine, '--backup-management-type', 'AzureIaasVM'];
  }

  /** `az backup job wait`, asked often instead of every 30 seconds. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  async ended(jobName: string): Promise<any> {
    for (;;) {
      const job = await this.az.ok('backup', 'job', 'show', ...this.inVault, '-n', jobName);
      if (!['InProgress', 'Cancelling'].includes(job.properties.status)) return job;
      await delay(300);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.az[Symbol.asyncDispose]();
    await this.app.hosts.get('qemu').stop(GUEST);
    await this.app[Symbol.asyncDispose]();
    await rm(this.data, { recursive: true, force: true });
  }
}
