import { startApp } from './app.ts';
import { readConfig, requireRuntime } from './config.ts';
import { howToConnect } from './howToConnect.ts';
import { systemClock } from './lib/clock.ts';
import { CodedError } from './lib/error.ts';
import { runSample } from './sample.ts';

const USAGE = `Usage: node src/main.ts start [--no-sample]

  --no-sample   serve only: no sample machines, no sample vault

Environment: STRONGROOM_DATA (./data), STRONGROOM_PORT (8443), STRONGROOM_ADDRESS (127.0.0.1), STRONGROOM_LOG (warn)
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(words: readonly string[]): Promise<number> {
  const [command, ...options] = words;
  const unknown = options.find((option) => option !== '--no-sample');
  if (command !== 'start' || unknown !== undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  requireRuntime(process.versions);
  const stop = stopSignal();
  await using app = await startApp(readConfig(process.env));
  say(`Strongroom listens on ${app.client.endpoint}; its data is in ${app.data.path}`);
  await using _sample = options.includes('--no-sample') ? undefined : await runSample(app, stop, say);
  say(howToConnect(app.client, app.data.client));
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  say('Stopping …');
  return 0;
}

/** npm hands on the Ctrl-C that the terminal has sent already; a person who means it twice is slower. */
const SECOND_AFTER_MS = 1000;

/** Ctrl-C or SIGTERM asks for a clean stop; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  let askedAt = Number.POSITIVE_INFINITY;
  const ask = (name: string) => {
    if (systemClock.now() - askedAt > SECOND_AFTER_MS) process.exit(130);
    if (!stop.signal.aborted) askedAt = systemClock.now();
    stop.abort(new Error(name));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, ask);
  return stop.signal;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CodedError) && (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  for (const line of error instanceof CodedError
    ? error.recommendations
    : ['Choose another port with STRONGROOM_PORT.'])
    process.stderr.write(`  ${line}\n`);
  process.exitCode = 1;
}
