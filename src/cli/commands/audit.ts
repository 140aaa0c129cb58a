import type { AuditEventResource, AuditVerdict } from '../../api/wire/auditEvent.ts';
import type { List } from '../../api/wire/list.ts';
import type { ArmClient } from '../client.ts';
import { CommandFailed } from '../exit.ts';
import { subscriptionPath } from '../ids.ts';
import { group, leaf, wholeFrom1 } from '../options.ts';
import { act, type Shell } from '../shell.ts';

export const auditCommands = (shell: Shell) =>
  group('audit', 'The record of what was done and refused', [list(shell), verify(shell)]);

const provider = (arm: ArmClient): string => `${subscriptionPath(arm.subscriptionId)}/providers/Strongroom.Identity`;

const list = (shell: Shell) =>
  leaf('list', 'List the audit events, newest first')
    .option('--top <count>', 'how many', wholeFrom1, 50)
    .option('--caller <object-id>', 'those of one principal')
    .option('--category <category>', 'Administrative, Security, Alert, Policy or Backup')
    .action(
      act(shell, async ({ arm }, { top, caller, category }) => {
        const events: AuditEventResource[] = [];
        let next: string | undefined = `${provider(arm)}/auditEvents`;
        let query: Record<string, string | undefined> = { caller, category, $top: String(Math.min(top, 200)) };
        while (next !== undefined && events.length < top) {
          const page: List<AuditEventResource> = await arm.get<List<AuditEventResource>>('identity', next, { query });
          events.push(...page.value);
          next = page.nextLink || undefined;
          query = {};
        }
        return events.slice(0, top);
      }),
    );

const verify = (shell: Shell) =>
  leaf('verify', 'Compute the chain of audit events again; fails when it is not whole').action(
    act(shell, async (session) => {
      const { body } = await session.arm.send<AuditVerdict>('POST', 'identity', `${provider(session.arm)}/verifyAudit`);
      if (body?.isWhole) return body;
      await session.print(body);
      throw new CommandFailed(`The audit log is not whole: event ${body?.faults[0]?.seq}: ${body?.faults[0]?.why}.`);
    }),
  );
