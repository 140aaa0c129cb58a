import type { Subscription } from '../../api/wire/subscription.ts';
import { subscriptionPath } from '../ids.ts';
import { group, leaf } from '../options.ts';
import { act, type Session, type Shell } from '../shell.ts';

export const accountCommands = (shell: Shell) =>
  group('account', 'The subscription and who is signed in', [
    leaf('show', 'Show the subscription in use').action(act(shell, showAccount)),
    leaf('list', 'List the subscriptions one may see').action(act(shell, listAccounts)),
  ]);

async function showAccount({ arm }: Session): Promise<unknown> {
  return accountOf(arm, await arm.get<Subscription>('subscriptions', subscriptionPath(arm.subscriptionId)));
}

async function listAccounts({ arm }: Session): Promise<unknown> {
  const subscriptions = await arm.list<Subscription>('subscriptions', '/subscriptions');
  return subscriptions.map((subscription) => accountOf(arm, subscription));
}

const accountOf = (arm: Session['arm'], subscription: Subscription): unknown => ({
  environmentName: new URL(arm.endpoint).host,
  id: subscription.subscriptionId,
  isDefault: subscription.subscriptionId === arm.subscriptionId,
  name: subscription.displayName,
  state: subscription.state,
  tenantId: subscription.tenantId,
  user: { name: arm.clientId, type: 'servicePrincipal' },
});
