import { type Static, type TSchema, Type } from 'typebox';
import { webhookUrl } from '../../jobs/webhookAddress.ts';
import { CodedError } from '../../lib/error.ts';
import type { Services } from '../services.ts';

export const ACTION_GROUPS = 'Microsoft.Insights/actionGroups';

const CLOSED = { additionalProperties: false };
const NAME = Type.String({ minLength: 1, maxLength: 128 });
const FLAG = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const NOTHING = Type.Optional(Type.Union([Type.String(), Type.Null()]));
const MAIL_ADDRESS = '^[^\\s\\x00-\\x1f\\x7f@,;:<>()"\\\\]+@[^\\s\\x00-\\x1f\\x7f@,;:<>()"\\\\]+$';
/** What this server delivers nothing to: legal is that there are none. */
const NONE: TSchema = Type.Optional(Type.Union([Type.Array(Type.Unknown(), { maxItems: 0 }), Type.Null()]));

/** Mail and webhooks are told of alerts here; a group that names any other kind of receiver is refused. */
export const RECEIVERS = {
  emailReceivers: Type.Optional(
    Type.Union([
      Type.Array(
        Type.Object(
          {
            name: NAME,
            emailAddress: Type.String({ maxLength: 320, pattern: MAIL_ADDRESS }),
            useCommonAlertSchema: FLAG,
            status: NOTHING,
          },
          CLOSED,
        ),
        { maxItems: 1000 },
      ),
      Type.Null(),
    ]),
  ),
  webhookReceivers: Type.Optional(
    Type.Union([
      Type.Array(
        Type.Object(
          {
            name: NAME,
            serviceUri: Type.String({ minLength: 1, maxLength: 2048 }),
            useCommonAlertSchema: FLAG,
            useAadAuth: Type.Optional(Type.Union([Type.Literal(false), Type.Null()])),
            objectId: NOTHING,
            identifierUri: NOTHING,
            tenantId: NOTHING,
            managedIdentity: NOTHING,
          },
          CLOSED,
        ),
        { maxItems: 100 },
      ),
      Type.Null(),
    ]),
  ),
  smsReceivers: NONE,
  itsmReceivers: NONE,
  azureAppPushReceivers: NONE,
  automationRunbookReceivers: NONE,
  voiceReceivers: NONE,
  logicAppReceivers: NONE,
  azureFunctionReceivers: NONE,
  armRoleReceivers: NONE,
  eventHubReceivers: NONE,
  incidentReceivers: NONE,
};

const RECEIVING = Type.Object(RECEIVERS);
export type Receivers = Pick<Static<typeof RECEIVING>, 'emailReceivers' | 'webhookReceivers'>;

const OTHERS = Object.keys(RECEIVERS).filter((name) => name !== 'emailReceivers' && name !== 'webhookReceivers');

/** As a group shows them: each kind as a list, empty ones too. */
export const shownReceivers = ({
  emailReceivers,
  webhookReceivers,
}: Receivers): Record<string, readonly unknown[]> => ({
  emailReceivers: (emailReceivers ?? []).map((one) => ({
    name: one.name,
    emailAddress: one.emailAddress,
    useCommonAlertSchema: one.useCommonAlertSchema ?? false,
    status: one.status ?? 'Enabled',
  })),
  webhookReceivers: (webhookReceivers ?? []).map((one) => ({
    name: one.name,
    serviceUri: one.serviceUri,
    useCommonAlertSchema: one.useCommonAlertSchema ?? false,
    useAadAuth: false,
  })),
  ...Object.fromEntries(OTHERS.map((name) => [name, []])),
});

/** Errors: BadRequest, InvalidParameter (a webhook that nothing may be sent to). */
export function checkReceivers(services: Services, { emailReceivers, webhookReceivers }: Receivers): void {
  for (const { serviceUri } of webhookReceivers ?? []) webhookUrl(serviceUri, services.config.webhookAllow ?? []);
  const names = [...(emailReceivers ?? []), ...(webhookReceivers ?? [])].map(({ name }) => name.toLowerCase());
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new CodedError('BadRequest', `Two receivers are named '${twice}'; names must be unique in an action group.`, {
    target: 'properties',
  });
}
