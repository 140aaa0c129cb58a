import type { Clock } from '../lib/clock.ts';
import { type ArmClient, createArmClient } from './client.ts';
import { readClientConfig } from './config.ts';
import { CommandFailed, UsageError } from './exit.ts';
import { createHttp } from './http.ts';
import { checkQuery, type OutputOptions, print } from './output.ts';
import { createProgressPainter, type ProgressPainter, silentPainter } from './progressPainter.ts';
import { printable, type Terminal } from './terminal.ts';
import { createTokenSource } from './token.ts';
import { createTrace, silentTrace } from './trace.ts';

export interface CommonOptions extends OutputOptions {
  readonly onlyShowErrors?: true | undefined;
  readonly debug?: true | undefined;
  readonly client?: string | undefined;
  readonly subscription?: string | undefined;
}

/** What a command that needs no server works with. */
export interface Local {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: ProgressPainter;
  /** A line on stderr, silenced by `--only-show-errors`. */
  say(text: string): void;
  /** Returns when the person says yes. Errors: UsageError without a person to ask, CommandFailed on no. */
  confirm(question: string, yes: true | undefined): Promise<void>;
  /** Prints an answer before the command is over. */
  print(answer: unknown): Promise<void>;
}

/** What a command works with: the server and the person. */
export interface Session extends Local {
  readonly arm: ArmClient;
}

export interface Shell {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Makes a commander action: signs in as needed, runs, prints what is returned. */
export const act =
  <O extends CommonOptions>(shell: Shell, run: (session: Session, options: O) => Promise<unknown>) =>
  async (options: O): Promise<void> => {
    await checkQuery(options.query);
    const config = await readClientConfig(options.client, shell.terminal);
    const local = localOf(shell, options);
    if (config.readableByOthers) local.say(`WARNING: others can read the secret in ${config.file}; chmod 600 it.`);
    const trace = options.debug ? createTrace(shell.terminal.stderr) : silentTrace;
    using http = createHttp(config.ca);
    const arm = createArmClient({
      config: options.subscription === undefined ? config : { ...config, subscriptionId: options.subscription },
      http,
      tokens: createTokenSource(config, http, shell.clock, trace),
      clock: shell.clock,
      trace,
      signal: shell.signal,
    });
    await local.print(await run({ ...local, arm }, options));
  };

/** The same for a command that talks to no server. */
export const actLocally =
  <O extends CommonOptions>(shell: Shell, run: (local: Local, options: O) => Promise<unknown>) =>
  async (options: O): Promise<void> => {
    await checkQuery(options.query);
    const local = localOf(shell, options);
    await local.print(await run(local, options));
  };

function localOf({ terminal, clock, signal }: Shell, options: CommonOptions): Local {
  const say = (text: string) => {
    if (!options.onlyShowErrors) terminal.stderr.write(`${printable(text)}\n`);
  };
  return {
    terminal,
    clock,
    signal,
    say,
    progress: options.onlyShowErrors ? silentPainter : createProgressPainter(terminal),
    print: (answer) => print(answer, options, terminal),
    confirm: async (question, yes) => {
      if (yes) return;
      if (!terminal.ask) throw new UsageError("nobody can be asked without a terminal: say '-y, --yes'");
      const answer = await terminal.ask(`${question} (y/n): `, signal);
      if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailed('Nothing was done.');
    },
  };
}
