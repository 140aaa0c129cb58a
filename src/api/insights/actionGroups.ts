import { Type } from 'typebox';
import type { RouteTable } from '../../arm/route.ts';
import { route } from '../../arm/route.ts';
import { putArmResource } from '../../db/armResources.ts';
import { CodedError } from '../../lib/error.ts';
import type { Services } from '../services.ts';
import { requireTracked, trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';
import { ACTION_GROUPS, checkReceivers, RECEIVERS, shownReceivers } from './receivers.ts';
import { testNotifications } from './testNotifications.ts';

const BODY = trackedBody({
  identity: Type.Optional(Type.Union([Type.Object({ type: Type.Literal('None') }), Type.Null()])),
  properties: Type.Object(
    {
      groupShortName: Type.String({ minLength: 1, maxLength: 12 }),
      enabled: Type.Optional(Type.Boolean()),
      ...RECEIVERS,
    },
    { additionalProperties: false },
  ),
});

/** Action groups: who is told of an alert, by mail or webhook. */
export const actionGroups = (services: Services): RouteTable =>
  trackedResource(services, {
    type: ACTION_GROUPS,
    one: 'an action group',
    many: 'action groups',
    apiVersions: { from: '2017-04-01', to: '2026-12-31' },
    body: BODY,
    location: 'global',
    patch: 'properties',
    beforePut: ({ body }) => checkReceivers(services, body.properties),
    complete: ({ body: { properties } }) => ({
      properties: {
        groupShortName: properties.groupShortName,
        enabled: properties.enabled ?? true,
        ...shownReceivers(properties),
      },
    }),
    more: (path) => [enableReceiver(services, path), ...testNotifications(services, path)],
  });

const enableReceiver = (services: Services, path: string) =>
  route({
    method: 'POST',
    path: `${path}/subscribe`,
    action: `${ACTION_GROUPS}/subscribe/action`,
    summary: 'Takes a mail receiver that was switched off in again.',
    body: Type.Object({ receiverName: Type.String() }, { additionalProperties: false }),
    async handler({ params, body }) {
      const group = await requireTracked(services, ACTION_GROUPS, params);
      const { emailReceivers = [] } = group.properties as {
        emailReceivers?: readonly { name: string; status: string }[];
      };
      const wanted = body.receiverName.toLowerCase();
      const found = emailReceivers.find(({ name }) => name.toLowerCase() === wanted);
      if (!found)
        throw new CodedError('NotFound', `The action group has no mail receiver '${body.receiverName}'.`, {
          target: 'receiverName',
        });
      if (found.status === 'Enabled')
        throw new CodedError('Conflict', `The receiver '${found.name}' is enabled already.`, {
          target: 'receiverName',
        });
      const enabled = emailReceivers.map((one) => (one === found ? { ...one, status: 'Enabled' } : one));
      const properties = { ...group.properties, emailReceivers: enabled };
      await putArmResource(services.db.queries, { ...group, properties, updatedAt: services.clock.now() });
      return { status: 200 };
    },
  });
