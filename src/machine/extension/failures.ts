import { CodedError } from '../../lib/error.ts';
import type { ScriptFailure, ScriptFailureCode } from '../machine.ts';
import { numberIn } from './answer.ts';

export type Which = 'pre' | 'post';

const CONFIG = 'VMSnapshotScriptPluginConfig.json';

/** Code, Azure's number, and what the operator can do. */
const KINDS: Readonly<Record<ScriptFailureCode, { readonly number: number; readonly recommendation: string }>> = {
  'Pre-ScriptExecutionFailed': {
    number: 300,
    recommendation: "Read what the script wrote in the machine's /var/log/strongroom-vm-snapshot.log.",
  },
  'Post-ScriptExecutionFailed': {
    number: 301,
    recommendation:
      "Read what the script wrote in the machine's /var/log/strongroom-vm-snapshot.log, and see whether the application runs.",
  },
  'Pre-ScriptNotFound': { number: 302, recommendation: `Put the script where preScriptLocation of ${CONFIG} says.` },
  'Post-ScriptNotFound': { number: 303, recommendation: `Put the script where postScriptLocation of ${CONFIG} says.` },
  IncorrectPluginhostFile: {
    number: 304,
    recommendation: 'Remove /etc/azure/VMSnapshotPluginHost.conf, or give it a section [pre_post].',
  },
  IncorrectJSONConfigFile: { number: 305, recommendation: `Mend /etc/azure/${CONFIG}, owned by root with mode 600.` },
  'InsufficientPermissionforPre-Script': {
    number: 306,
    recommendation: 'Make root the owner of the script and give it mode 700.',
  },
  'InsufficientPermissionforPost-Script': {
    number: 307,
    recommendation: 'Make root the owner of the script and give it mode 700.',
  },
  'Pre-ScriptTimeout': { number: 308, recommendation: `Look at the script, or raise timeoutInSeconds in ${CONFIG}.` },
  'Post-ScriptTimeout': { number: 309, recommendation: `Look at the script, or raise timeoutInSeconds in ${CONFIG}.` },
};

/** `number`: where Azure tells several causes of one code apart. */
export const scriptFailure = (code: ScriptFailureCode, message: string, number?: number): ScriptFailure => ({
  code,
  number: number ?? KINDS[code].number,
  message,
});

/** For a machine that wants no backup when its scripts fail. */
export const scriptError = ({ code, number, message }: ScriptFailure): CodedError =>
  new CodedError(code, `${message} The machine's continueBackupOnFailure is false, so no backup was made.`, {
    target: code.startsWith('Post') || code.endsWith('Post-Script') ? 'postScriptLocation' : 'preScriptLocation',
    details: [{ code: String(number), message: 'The code of the extension.' }],
    recommendations: [KINDS[code].recommendation],
  });

/** What the program in the guest answered of one script; undefined: it ended well. */
export const failureOf = (
  which: Which,
  path: string,
  answer: ReadonlyMap<string, string>,
): ScriptFailure | undefined => {
  const [Pre, name] = which === 'pre' ? (['Pre', 'pre script'] as const) : (['Post', 'post script'] as const);
  const tries = Number(numberIn(answer, 'attempts') ?? 1);
  switch (answer.get('result')) {
    case 'ok':
      return undefined;
    case 'timeout':
      return scriptFailure(`${Pre}-ScriptTimeout`, `The ${name} ${path} took too long and was ended.`);
    case 'not-found':
      return scriptFailure(`${Pre}-ScriptNotFound`, `There is no ${name} at '${path}' in the machine.`);
    case 'permission':
      return scriptFailure(
        `InsufficientPermissionfor${Pre}-Script`,
        `The ${name} ${path} must belong to root and have mode 700; it has owner ${numberIn(answer, 'owner')} and mode ${numberIn(answer, 'mode')}.`,
      );
    case 'busy':
      return scriptFailure(
        `${Pre}-ScriptExecutionFailed`,
        `The ${name} was not begun: scripts of an earlier snapshot still run in the machine.`,
      );
    case 'lost':
      return scriptFailure(
        `${Pre}-ScriptExecutionFailed`,
        `The ${name} was not run: the machine was started anew in between.`,
      );
    case 'pending':
      return scriptFailure(
        `${Pre}-ScriptTimeout`,
        `The ${name} had not ended; the machine itself runs it to its end.`,
        311,
      );
    default:
      return scriptFailure(
        `${Pre}-ScriptExecutionFailed`,
        `The ${name} ${path} ended with ${numberIn(answer, 'exit') ?? 'no answer'}${tries > 1 ? ` at its try ${tries}` : ''}.`,
      );
  }
};
